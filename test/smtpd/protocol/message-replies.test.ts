/** How many replies the end of a message has. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { repliesTo } from "../../../smtpd/protocol/message-replies.js";
import { MAILBOX_FULL, OK } from "../../../smtpd/protocol/reply.js";

test("one reply is the reply, and in LMTP that to each recipient", () => {
  assert.deepEqual(repliesTo(OK, undefined), [OK]);
  assert.deepEqual(repliesTo(MAILBOX_FULL, 3), [MAILBOX_FULL, MAILBOX_FULL, MAILBOX_FULL]);
});

test("several replies are for the recipients, in their order", () => {
  assert.deepEqual(repliesTo([OK, MAILBOX_FULL, OK], 3), [OK, MAILBOX_FULL, OK]);
});

for (const [name, recipients] of [
  ["too few", 3],
  ["too many", 1],
  ["where one is wanted", undefined],
] as const) {
  test(`several replies, ${name}, are for nobody`, () =>
    assert.throws(() => repliesTo([OK, OK], recipients), RangeError));
}
