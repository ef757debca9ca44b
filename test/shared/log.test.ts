/** The log as it comes out of a process: complete, one object a line, and no reason to die of. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { open } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { describe, test } from "node:test";
import { without } from "../peers.js";

const LOG = new URL("../../shared/log.js", import.meta.url).href;
const LIFE_MS_MAX = 30_000;

/** Runs a script that has a `log`. Its standard output goes to `stdout`. */
function run(script: string, format: string, stdout: "pipe" | number = "pipe", level = "info") {
  const source = `import { openLog } from ${JSON.stringify(LOG)};
    const log = openLog("program", { level: "${level}", format: "${format}" });
    ${script}`;
  return spawn(process.execPath, ["--input-type=module", "--eval", source], {
    stdio: ["ignore", stdout, "pipe"],
    timeout: LIFE_MS_MAX,
  });
}

async function outputOf(script: string, format: string, level?: string): Promise<string> {
  const child = run(script, format, "pipe", level);
  assert.ok(child.stdout);
  return text(child.stdout);
}

describe("the log", () => {
  test("is one JSON object a line, with level and time in words", async () => {
    const script = 'log.info({ a: "x\\ny\\u001b[1m" }, "one"); log.error({ err: new Error("e") }, "two");';
    const lines = (await outputOf(script, "json")).trim().split("\n");
    const [one, two, ...others] = lines.map((line) => JSON.parse(line));
    assert.deepEqual(others, []);
    assert.deepEqual([one.level, one.msg, one.a, one.name], ["info", "one", "x\ny\u001b[1m", "program"]);
    assert.ok(!Number.isNaN(Date.parse(one.time)));
    assert.deepEqual([two.level, two.err.message], ["error", "e"]);
  });

  test("is JSON where its format is left to the output, and that is no terminal", async () => {
    assert.equal(JSON.parse(await outputOf('log.info("x")', "auto")).msg, "x");
  });

  test("is for people where that is asked for: one line each, without an escape of a stranger's", async () => {
    const output = await outputOf('log.info({ a: "x\\ny\\u001b[1m" }, "said")', "pretty");
    assert.equal(output.trim().split("\n").length, 1);
    assert.ok(output.includes("program: said"));
    assert.ok(!output.includes("\u001b"));
  });

  test("leaves out what is below its level", async () => {
    const script = 'log.debug("a"); log.info("b"); log.warn("c");';
    assert.equal(JSON.parse(await outputOf(script, "json", "warn")).msg, "c");
  });

  for (const format of ["json", "pretty"]) {
    test(`is all there when the process exits right after it (${format})`, async () => {
      const script = 'for (let i = 0; i < 5000; i++) log.info({ i }, "line"); process.exit(0);';
      assert.equal((await outputOf(script, format)).trim().split("\n").length, 5000);
    });

    test(`that nobody reads any more does not end the process (${format})`, async () => {
      const script = `log.info("x");
        setInterval(() => log.info("y"), 5);
        setTimeout(() => process.exit(42), 500);`;
      const child = run(script, format);
      assert.ok(child.stdout);
      await once(child.stdout, "data");
      child.stdout.destroy();
      assert.deepEqual(await once(child, "exit"), [42, null]);
    });
  }

  test("on a full disk does not end the process", {
    skip: without("/dev/full"),
  }, async () => {
    const full = await open("/dev/full", "w");
    const child = run('for (let i = 0; i < 100; i++) log.info("x"); process.exit(42);', "json", full.fd);
    assert.deepEqual(await once(child, "exit"), [42, null]);
    await full.close();
  });
});
