/** The runner of the tests: what it counts, and that nothing to run is no success. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { inapplicable } from "./peers.js";

const RUNNER = fileURLToPath(new URL("run.js", import.meta.url));
const directory = mkdtempSync(join(tmpdir(), "pillarbox-runner-"));
after(() => rmSync(directory, { recursive: true }));

function run(source: string | undefined, env: NodeJS.ProcessEnv = {}) {
  const folder = mkdtempSync(join(directory, "case-"));
  if (source !== undefined) {
    writeFileSync(
      join(folder, "a.test.js"),
      `import { describe, test } from "node:test"; import assert from "node:assert";\n${source}`,
    );
    writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  }
  // Node's runner does nothing inside a test of its own, which it knows by this variable.
  const { NODE_TEST_CONTEXT: _, CI: __, PILLARBOX_REQUIRE_PEERS: ___, ...rest } = process.env;
  const { status, stdout } = spawnSync(process.execPath, [RUNNER, folder], {
    env: { ...rest, ...env },
    encoding: "utf8",
  });
  return { status, lastLine: stdout.trimEnd().split("\n").at(-1) };
}

const PASS = "test('p', () => {});";
const FAIL = "test('f', () => assert.fail());";
const SKIP = "test('s', { skip: 'no peer' }, () => {});";
const INAPPLICABLE = `test('i', { skip: ${JSON.stringify(inapplicable("no such hardware"))} }, () => {});`;
const TODO = "test('t', { todo: 'not yet' }, () => assert.fail());";

const CASES = [
  { name: "passes", source: PASS + PASS, env: {}, status: 0, lastLine: "2 passed, 0 failed" },
  { name: "a failure", source: PASS + FAIL, env: {}, status: 1, lastLine: "1 passed, 1 failed" },
  {
    name: "suites are not counted",
    source: `describe('d', () => { ${PASS} })`,
    env: {},
    status: 0,
    lastLine: "1 passed, 0 failed",
  },
  {
    name: "a failure in a suite",
    source: `describe('d', () => { ${FAIL} })`,
    env: {},
    status: 1,
    lastLine: "0 passed, 1 failed",
  },
  {
    name: "a suite's hook fails",
    source: `import { after } from "node:test"; describe('d', () => { ${PASS}; after(() => assert.fail()) })`,
    env: {},
    status: 1,
    lastLine: "1 passed, 1 failed",
  },
  {
    name: "a file that ends early",
    source: "process.exit(3)",
    env: {},
    status: 1,
    lastLine: "0 passed, 1 failed",
  },
  { name: "a syntax error", source: ")", env: {}, status: 1, lastLine: "0 passed, 1 failed" },
  { name: "a skip", source: PASS + SKIP, env: {}, status: 0, lastLine: "1 passed, 0 failed" },
  {
    name: "a skip under CI",
    source: PASS + SKIP,
    env: { CI: "true" },
    status: 1,
    lastLine: "1 passed, 1 failed",
  },
  {
    name: "a skip with all peers required",
    source: PASS + SKIP,
    env: { PILLARBOX_REQUIRE_PEERS: "1" },
    status: 1,
    lastLine: "1 passed, 1 failed",
  },
  {
    name: "under CI, a skip that no installation could change",
    source: PASS + INAPPLICABLE,
    env: { CI: "true" },
    status: 0,
    lastLine: "1 passed, 0 failed",
  },
  {
    name: "an unfinished test under CI",
    source: PASS + TODO,
    env: { CI: "true" },
    status: 1,
    lastLine: "1 passed, 1 failed",
  },
  { name: "no files", source: undefined, env: {}, status: 1, lastLine: "0 passed, 1 failed" },
];

for (const { name, source, env, status, lastLine } of CASES) {
  test(`the runner: ${name}`, () => assert.deepEqual(run(source, env), { status, lastLine }));
}
