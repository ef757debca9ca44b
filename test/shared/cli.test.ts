/** The common command line: whatever is wrong with it is a usage error, and what a command throws is not. */
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { runCommandLine } from "../../shared/cli.js";
import { ExitError } from "../../shared/exit.js";

afterEach(() => {
  process.exitCode = 0;
});

async function exitCodeOf(argv: readonly string[], run: () => void | Promise<void> = () => {}) {
  await runCommandLine("program", argv, (args) =>
    args
      .command(["run", "$0"], "runs", (options) => options.option("port", { requiresArg: true }), run)
      .command("ask <name>", "asks", (options) => options, run),
  );
  return process.exitCode ?? 0;
}

for (const argv of [["--bogus"], ["bogus"], ["--port"], ["ask"], ["ask", "a", "b"], ["run", "--bogus"]]) {
  test(`a usage error: program ${argv.join(" ")}`, async () => assert.equal(await exitCodeOf(argv), 64));
}

for (const argv of [[], ["run"], ["--port", "1"], ["ask", "a"]]) {
  test(`no error: program ${argv.join(" ")}`, async () => assert.equal(await exitCodeOf(argv), 0));
}

test("a command's own error keeps its exit code", async () => {
  const fails = () => {
    throw new ExitError(77, "not for you");
  };
  assert.equal(await exitCodeOf([], fails), 77);
  assert.equal(await exitCodeOf([], async () => fails()), 77);
});

test("an error that nobody foresaw is a bug, and a system's is temporary", async () => {
  assert.equal(await exitCodeOf([], () => assert.fail()), 70);
  const full = Object.assign(new Error("full"), { code: "ENOSPC", syscall: "write" });
  assert.equal(await exitCodeOf([], async () => Promise.reject(full)), 75);
});
