/** Which exit code fits which error. */
import assert from "node:assert/strict";
import { mkdir, readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { test } from "node:test";
import { EXIT, ExitError, exitCodeFor, hasCode, isSystemError } from "../../shared/exit.js";
import { temporaryDirectory } from "../temporary-directory.js";

const systemError = (code: string) => Object.assign(new Error(code), { code, syscall: "listen" });

const codes: readonly (readonly [string, unknown, number])[] = [
  ["an error that says so itself", new ExitError(EXIT.configuration, "x"), 78],
  ["a taken port", systemError("EADDRINUSE"), 75],
  ["a full disk", systemError("ENOSPC"), 75],
  ["a port that is root's", systemError("EACCES"), 77],
  ["something that is forbidden", systemError("EPERM"), 77],
  ["a mistake of ours", new TypeError("x is not a function"), 70],
  [
    "a mistake of ours that Node has a code for",
    Object.assign(new TypeError("x"), { code: "ERR_INVALID_ARG_TYPE" }),
    70,
  ],
  ["no error at all", "x", 70],
  ["nothing", undefined, 70],
];
for (const [what, error, code] of codes) {
  test(`${what} ends with ${code}`, () => assert.equal(exitCodeFor(error), code));
}

test("the errors of the system are told from others", async (t) => {
  const missing: unknown = await readFile(`${await temporaryDirectory(t)}/x`).catch(
    (error: unknown) => error,
  );
  assert.ok(isSystemError(missing));
  assert.ok(hasCode(missing, "EACCES", "ENOENT"));
  assert.ok(!hasCode(missing, "EACCES"));
  assert.ok(!isSystemError(new Error("ENOENT")));
  assert.ok(!hasCode({ code: "ENOENT" }, "ENOENT"));
  await assert.rejects(mkdir("/dev/null/x"), (error) => exitCodeFor(error) === EXIT.temporary);
  assert.throws(
    () => createServer().listen(-1),
    (error) => exitCodeFor(error) === EXIT.bug,
  );
});
