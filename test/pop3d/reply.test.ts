import assert from "node:assert/strict";
import { test } from "node:test";
import { german } from "../../pop3d/language/german.js";
import { challenge, encode, err, ok, okData, type Reply } from "../../pop3d/reply.js";

const ROWS: readonly [reply: Reply, octets: string][] = [
  [okData("2 320"), "+OK 2 320\r\n"],
  [err("no such message"), "-ERR no such message\r\n"],
  [err("TLS is active", "IN-USE"), "-ERR [IN-USE] TLS is active\r\n"],
  [err("goodbye", "SYS/TEMP"), "-ERR [SYS/TEMP] goodbye\r\n"],
  [{ ...ok("nothing done"), data: "en" }, "+OK en nothing done\r\n"],
  [ok({ text: "message deleted", number: 7 }), "+OK message 7 deleted\r\n"],
  [challenge(""), "+ \r\n"],
  [challenge("VXNlcm5hbWU6"), "+ VXNlcm5hbWU6\r\n"],
  [ok("nothing done", []), "+OK nothing done\r\n.\r\n"],
  [ok("goodbye", ["1 120", ".", ".a", "", "b."]), "+OK goodbye\r\n1 120\r\n..\r\n..a\r\n\r\nb.\r\n.\r\n"],
];

for (const [reply, octets] of ROWS) {
  test(JSON.stringify(octets), () => assert.equal(Buffer.concat([...encode(reply)]).toString(), octets));
}

test("in another language a reply is UTF-8, and what programs read is the same", () => {
  const encoded = (reply: Reply) => Buffer.concat([...encode(reply, german)]).toString("latin1");
  assert.equal(encoded(okData("2 320")), "+OK 2 320\r\n");
  assert.match(encoded(err("TLS is active", "IN-USE")), /^-ERR \[IN-USE\] TLS ist/);
  assert.match(encoded(ok({ text: "message deleted", number: 7 })), /^\+OK .*7 gel\xc3\xb6scht\r\n$/);
  assert.match(encoded({ ...ok("nothing done", ["a"]), data: "de" }), /^\+OK de \w.*\r\na\r\n\.\r\n$/);
});

test("a long listing comes in pieces, made one at a time", () => {
  let made = 0;
  function* lines() {
    for (let n = 1; n <= 100_000; n++) {
      made = n;
      yield `${n} 1234`;
    }
  }
  const pieces = encode(ok("capabilities follow", lines()));
  const first = pieces.next();
  assert.ok(first.done !== true && first.value.length < 64 * 1024);
  assert.ok(made < 10_000, `${made} made for the first piece`);
  const octets = Buffer.concat([first.value, ...pieces]).toString();
  assert.equal(octets.split("\r\n").length, 100_000 + 3);
  assert.ok(octets.endsWith("100000 1234\r\n.\r\n"));
});
