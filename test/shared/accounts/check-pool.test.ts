/** The threads that check passwords: nobody waits for them who does not have to, and nothing that they do harms the rest. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { CheckPool, type CheckPoolOptions } from "../../../shared/accounts/check-pool.js";
import { hashScramSha256 } from "../../../shared/accounts/schemes/scram.js";

const MISBEHAVING = new URL("../../fakes/check-worker.js", import.meta.url);
const POOL = new URL("../../../shared/accounts/check-pool.js", import.meta.url).href;

function pool(t: TestContext, options: Partial<CheckPoolOptions> = {}): CheckPool {
  const made = new CheckPool(options);
  t.after(() => made.close());
  return made;
}

test("right and wrong passwords", async (t) => {
  const checks = pool(t);
  const stored = hashScramSha256("gehäim ", 4096);
  assert.equal(await checks.check(stored, "gehäim "), true);
  assert.equal(await checks.check(stored, "gehäim"), false);
});

test("the event loop turns while a slow hash is checked", async (t) => {
  const checks = pool(t);
  // A thread that runs already, so that what is counted is the check alone.
  await checks.check("{PLAIN}x", "x");
  const stored = hashScramSha256("x", 1_000_000);
  let turns = 0;
  let done = false;
  const check = checks.check(stored, "x").finally(() => {
    done = true;
  });
  while (!done) {
    await new Promise(setImmediate);
    turns++;
  }
  assert.equal(await check, true);
  assert.ok(turns > 20, `${turns} turns`);
});

test("many at once all get their own result", async (t) => {
  const checks = pool(t, { threads: 2, entry: MISBEHAVING });
  const results = await Promise.all(
    Array.from({ length: 100 }, (_, i) => checks.check(`${i}`, i % 3 === 0 ? `${i}` : "other")),
  );
  assert.deepEqual(
    results,
    results.map((_, i) => i % 3 === 0),
  );
});

for (const [password, code] of [
  ["throw", "THREAD_DIED"],
  ["exit", "THREAD_DIED"],
  ["hang", "TOOK_TOO_LONG"],
  ["fail", "FAILED"],
] as const) {
  test(`a check that makes its thread ${password} is rejected, and the next ones go on`, async (t) => {
    const checks = pool(t, { threads: 1, entry: MISBEHAVING, checkMs: 2000 });
    const [broken, next] = await Promise.allSettled([checks.check("x", password), checks.check("x", "x")]);
    assert.ok(broken.status === "rejected");
    assert.equal(broken.reason.code, code);
    assert.deepEqual(next, { status: "fulfilled", value: true });
    assert.equal(await checks.check("x", "y"), false);
  });
}

test("a thread that cannot even start", async (t) => {
  const checks = pool(t, { threads: 1, entry: new URL("./no-such-module.js", import.meta.url) });
  await assert.rejects(checks.check("x", "x"), { code: "THREAD_DIED" });
  await assert.rejects(checks.check("x", "x"), { code: "THREAD_DIED" });
});

test("so many may wait, and no more", async (t) => {
  const checks = pool(t, { threads: 1, waiting: 2, entry: MISBEHAVING });
  const accepted = Promise.allSettled([
    checks.check("x", "hang"),
    checks.check("x", "x"),
    checks.check("x", "x"),
  ]);
  await assert.rejects(checks.check("x", "x"), { code: "QUEUE_FULL" });
  await checks.close();
  for (const result of await accepted) {
    assert.ok(result.status === "rejected");
    assert.equal(result.reason.code, "CLOSED");
  }
});

test("they wait so long, and no longer", async (t) => {
  const checks = pool(t, { threads: 1, waitMs: 1, entry: MISBEHAVING });
  const hanging = assert.rejects(checks.check("x", "hang"), { code: "CLOSED" });
  await assert.rejects(checks.check("x", "x"), { code: "WAITED_TOO_LONG" });
  await checks.close();
  await hanging;
});

test("a closed pool checks nothing", async (t) => {
  const checks = pool(t);
  await checks.close();
  await assert.rejects(checks.check("{PLAIN}x", "x"), { code: "CLOSED" });
});

async function run(script: string): Promise<string> {
  const source = `import { CheckPool } from ${JSON.stringify(POOL)};\n${script}`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", source], {
    timeout: 30_000,
  });
  return stdout;
}

test("a check under way keeps the process alive, an idle thread does not", async () => {
  const printed = await run('console.log(await new CheckPool().check("{PLAIN}x", "x"), "ended");');
  assert.equal(printed, "true ended\n");
});
