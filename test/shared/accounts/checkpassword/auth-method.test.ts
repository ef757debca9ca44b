import assert from "node:assert/strict";
import { test } from "node:test";
import { formatAuthMethod, parseAuthMethod } from "../../../../shared/accounts/checkpassword/auth-method.js";

test("a program and its arguments are parted by spaces, and by nothing else", () => {
  assert.deepEqual(parseAuthMethod("accounts"), { kind: "accounts" });
  assert.deepEqual(parseAuthMethod(`checkpassword  /bin/check -s "pop 3" $HOME;x `), {
    kind: "checkpassword",
    program: "/bin/check",
    args: ["-s", '"pop', '3"', "$HOME;x"],
  });
  for (const text of ["accounts", "checkpassword /bin/check", "checkpassword /bin/check -s pop3"]) {
    const method = parseAuthMethod(text);
    assert.ok(method);
    assert.equal(formatAuthMethod(method), text);
  }
});

test("what is neither is nothing", () => {
  for (const text of ["", "accounts x", "checkpassword", "checkpassword check", "checkpassword ./check"]) {
    assert.equal(parseAuthMethod(text), undefined, text);
  }
  assert.equal(parseAuthMethod("pam"), undefined);
  assert.equal(parseAuthMethod("checkpassword /bin/a\0b"), undefined);
});
