/** The file of an envelope in the queue: what is believed of it is what it says, and would be written the same. */
import assert from "node:assert/strict";
import { formatEnvelope, isEnvelope, parseEnvelope } from "../../../smtpd/queue/envelope-file.js";
import type { Target } from "../target.js";

const QUEUE_ID = "1B6GVK7A0Z1Q8M";

export const queueEnvelope: Target = {
  name: "queue-envelope",
  tokens: [
    '"version": 1,',
    `"queueId": "${QUEUE_ID}",`,
    '"message": "1.host,S=1,W=2",',
    '"../',
    '"arrivedAt": 1763769600123,',
    '"reversePath": null,',
    '"body": "8BITMIME",',
    '"held": true,',
    '"recipients": [{"forwardPath": "bob@example.net", "nextAttempt": 1}]',
    '"trouble": {"status": "4.4.1", "text": "x", "reply": {"code": 450, "lines": ["x"]}}',
    '"owed": []',
    '"__proto__": {',
    "\\u000a",
    "\\ud800",
    "1e309",
    "-1",
  ],
  check: (octets) => {
    const read = parseEnvelope(octets.toString("utf8"), QUEUE_ID);
    if (!isEnvelope(read)) {
      assert.doesNotMatch(read.reason, /[\r\n]/);
      assert.doesNotMatch(read.message ?? "", /^\.|[/:\0]/);
      return;
    }
    assert.doesNotMatch(read.message, /^\.|[/:\0]/);
    assert.deepEqual(parseEnvelope(formatEnvelope(read), QUEUE_ID), read);
  },
};
