/**
 * Runs the tests: each *.test.js below this directory, or what is named, every file in a process of its own.
 *
 *     node dist/test/run.js [file or directory]…
 *
 * Its report ends with the reason of each skip and one line that counts. Exits with 1 when a test failed, when there
 * was none to run, and, where nothing may be skipped (peers.ts), when one was skipped that could have been run.
 */
import { readdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { fileURLToPath } from "node:url";
import { isInapplicable, nothingMayBeSkipped } from "./peers.js";

const FILES_AT_ONCE = 2;
/** A file that takes this long hangs; it is ended and counts as failed. */
const FILE_MS_MAX = 300_000;

interface Skip {
  readonly name: string;
  readonly file: string;
  readonly reason: string;
}

const paths = process.argv.slice(2);
const files = testFiles(paths.length > 0 ? paths : [fileURLToPath(new URL(".", import.meta.url))]);

const tally = { passed: 0, failed: 0 };
const skips: Skip[] = [];
if (files.length === 0) {
  tally.failed++;
  console.error(`no test files in ${paths.join(" ") || "dist/test"}`);
} else {
  await runFiles();
}
for (const { name, file, reason } of skips) console.log(`skipped: ${name} (${file}): ${reason}`);
if (nothingMayBeSkipped()) tally.failed += skips.filter(({ reason }) => !isInapplicable(reason)).length;
else if (skips.length > 0) console.log(`${skips.length} skipped`);
console.log(`${tally.passed} passed, ${tally.failed} failed`);
process.exitCode = tally.failed > 0 ? 1 : 0;

function testFiles(paths: readonly string[]): string[] {
  return paths.flatMap((path) => (statSync(path).isDirectory() ? filesBelow(path) : [resolve(path)])).sort();
}

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".test.js"))
    .map((name) => resolve(join(directory, name)));
}

/** Runs all files, reports on standard output, and counts. A suite is not counted, the tests in it are. */
async function runFiles(): Promise<void> {
  const events = run({ files, concurrency: FILES_AT_ONCE, timeout: FILE_MS_MAX });
  events.on("test:pass", ({ name, file, skip, todo, details }) => {
    const unproven = skip ?? todo;
    if (unproven !== undefined)
      skips.push({
        name,
        file: file ?? "",
        reason: unproven === true ? "no reason given" : String(unproven),
      });
    else if (details.type !== "suite") tally.passed++;
  });
  let suitesFailed = 0;
  events.on("test:fail", ({ details }) => {
    if (details.type === "suite") suitesFailed++;
    else tally.failed++;
  });
  for await (const text of events.pipe(new spec())) process.stdout.write(text);
  // A suite may fail by a hook of its own, with every test in it passed.
  if (tally.failed === 0) tally.failed = suitesFailed;
}
