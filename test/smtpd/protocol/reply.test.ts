/** Replies as they are sent. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { formatReply, reply } from "../../../smtpd/protocol/reply.js";

describe("a reply", () => {
  test("has the class of its code in the enhanced one", () => {
    assert.deepEqual(formatReply(reply(550, "7.1", "no")), ["550 5.7.1 no"]);
    assert.deepEqual(formatReply(reply(452, "3.1", "no")), ["452 4.3.1 no"]);
    assert.deepEqual(formatReply(reply(354, undefined, "go")), ["354 go"]);
  });

  test("of several lines", () => {
    assert.deepEqual(formatReply(reply(250, undefined, "a"), ["b", "c"]), ["250-a", "250-b", "250 c"]);
  });

  test("is printable US-ASCII of at most 512 octets with its line end, whatever its text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 2000 }), (text) => {
        for (const line of formatReply(reply(550, "1.10", text), [text])) {
          assert.match(line, /^550[ -]5\.1\.10 [\x20-\x7e]*$/);
          assert.ok(line.length + 2 <= 512);
        }
      }),
    );
  });
});
