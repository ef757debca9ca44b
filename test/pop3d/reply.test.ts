import assert from "node:assert/strict";
import { test } from "node:test";
import { CHALLENGE, encode, err, ok, type Reply } from "../../pop3d/reply.js";

const ROWS: readonly [reply: Reply, octets: string][] = [
  [ok("2 320"), "+OK 2 320\r\n"],
  [err("no such message"), "-ERR no such message\r\n"],
  [err("busy", "IN-USE"), "-ERR [IN-USE] busy\r\n"],
  [err("later", "SYS/TEMP"), "-ERR [SYS/TEMP] later\r\n"],
  [CHALLENGE, "+ \r\n"],
  [ok("none", []), "+OK none\r\n.\r\n"],
  [ok("some", ["1 120", ".", ".a", "", "b."]), "+OK some\r\n1 120\r\n..\r\n..a\r\n\r\nb.\r\n.\r\n"],
];

for (const [reply, octets] of ROWS) {
  test(JSON.stringify(octets), () => assert.equal(Buffer.concat([...encode(reply)]).toString(), octets));
}

test("a long listing comes in pieces, made one at a time", () => {
  let made = 0;
  function* lines() {
    for (let n = 1; n <= 100_000; n++) {
      made = n;
      yield `${n} 1234`;
    }
  }
  const pieces = encode(ok("many", lines()));
  const first = pieces.next();
  assert.ok(first.done !== true && first.value.length < 64 * 1024);
  assert.ok(made < 10_000, `${made} made for the first piece`);
  const octets = Buffer.concat([first.value, ...pieces]).toString();
  assert.equal(octets.split("\r\n").length, 100_000 + 3);
  assert.ok(octets.endsWith("100000 1234\r\n.\r\n"));
});
