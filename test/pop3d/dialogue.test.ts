import assert from "node:assert/strict";
import { test } from "node:test";
import { shownLine, shownReply } from "../../pop3d/dialogue.js";
import { ok } from "../../pop3d/reply.js";

const SECRET = "s3cret";

const MASKED = [
  `PASS ${SECRET}`,
  `pass ${SECRET}`,
  `PASS  ${SECRET} `,
  `AUTH PLAIN ${SECRET}`,
  `APOP alice ${SECRET}`,
  `auth plain ${SECRET}`,
  `PAS ${SECRET}`,
  `PASSS ${SECRET}`,
  ` PASS ${SECRET}`,
  `PASS\t${SECRET}`,
  SECRET,
  `${SECRET} QUIT`,
];

for (const line of MASKED) {
  test(`"${line}" is shown without the secret`, () => {
    assert.doesNotMatch(shownLine(Buffer.from(line), false), new RegExp(SECRET));
  });
}

test("the client's part of a SASL exchange is not shown", () => {
  assert.doesNotMatch(shownLine(Buffer.from(`QUIT ${SECRET}`), true), new RegExp(SECRET));
});

test("other commands are shown", () => {
  for (const line of ["USER alice", "retr 1", "TOP 1 0", "UTF8", "LANG de", "XTND XLST From", "QUIT"])
    assert.equal(shownLine(Buffer.from(line), false), line);
});

test("of a reply its first line is shown", () => {
  const reply = ok("capabilities follow", [SECRET]);
  assert.doesNotMatch(shownReply(reply), new RegExp(SECRET));
  assert.match(shownReply(reply), /^\+OK capabilities follow/);
});
