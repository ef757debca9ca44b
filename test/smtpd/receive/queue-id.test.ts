import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatQueueId } from "../../../smtpd/receive/queue-id.js";

const milliseconds = fc.integer({ min: 0, max: 2 ** 44 });
const random = fc.integer({ min: 0, max: 2 ** 25 - 1 });

test("queue ids sort by time and differ when their parts differ", () => {
  fc.assert(
    fc.property(milliseconds, random, milliseconds, random, (t1, r1, t2, r2) => {
      const [a, b] = [formatQueueId(t1, r1), formatQueueId(t2, r2)];
      assert.match(a, /^[0-9A-HJKMNP-TV-Z]{14}$/);
      assert.equal(a === b, t1 === t2 && r1 === r2);
      if (t1 !== t2) assert.equal(a < b, t1 < t2);
    }),
  );
});
