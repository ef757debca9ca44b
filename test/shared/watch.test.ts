/** Hints of changed files: each way of changing one gives a hint, and nothing keeps the process alive. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { appendFile, mkdir, rename, rmdir, symlink, unlink, writeFile } from "node:fs/promises";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { watchDirectory, watchFiles } from "../../shared/watch.js";
import { temporaryDirectory } from "../temporary-directory.js";

const ATTEMPTS_MAX = 40;
const BETWEEN_ATTEMPTS_MS = 300;

/** Makes changes until there was a hint: a watch takes a moment to begin, and nothing says when it has. */
async function changesUntilHint(files: readonly string[], change: (attempt: number) => Promise<void>) {
  let hints = 0;
  const watch = watchFiles(files, () => hints++);
  try {
    for (let attempt = 0; hints === 0; attempt++) {
      assert.ok(attempt < ATTEMPTS_MAX, "no hint came");
      await change(attempt);
      await sleep(BETWEEN_ATTEMPTS_MS);
    }
  } finally {
    await watch.close();
  }
}

const changes: readonly (readonly [string, (file: string, attempt: number) => Promise<void>])[] = [
  ["written to", (file) => appendFile(file, "x")],
  ["truncated and written anew", (file, attempt) => writeFile(file, `${attempt}`)],
  [
    "replaced by a rename",
    async (file, attempt) => {
      await writeFile(`${file}.new`, `${attempt}`);
      await rename(`${file}.new`, file);
    },
  ],
  [
    "removed and made again",
    async (file) => {
      await unlink(file);
      await writeFile(file, "x");
    },
  ],
  [
    "a link that is switched to another file",
    async (file, attempt) => {
      await writeFile(`${file}.${attempt}`, `${attempt}`);
      await symlink(`${file}.${attempt}`, `${file}.link`);
      await rename(`${file}.link`, file);
    },
  ],
];

describe("there is a hint when a file is", () => {
  for (const [how, change] of changes) {
    test(how, async (t) => {
      const file = `${await temporaryDirectory(t)}/users`;
      await writeFile(file, "");
      await changesUntilHint([file], (attempt) => change(file, attempt));
    });
  }

  test("made for the first time", async (t) => {
    const directory = await temporaryDirectory(t);
    await changesUntilHint([`${directory}/users`], (attempt) =>
      attempt % 2 === 0 ? writeFile(`${directory}/users`, "") : unlink(`${directory}/users`),
    );
  });

  test("one of several, in several directories", async (t) => {
    const directory = await temporaryDirectory(t);
    await mkdir(`${directory}/a`);
    await mkdir(`${directory}/b`);
    const files = [`${directory}/a/one`, `${directory}/b/two`];
    for (const file of files) await writeFile(file, "");
    await changesUntilHint(files, () => appendFile(`${directory}/a/../b/two`, "x"));
  });

  test("replaced again and again: each time", async (t) => {
    const directory = await temporaryDirectory(t);
    await replacedUntilHints(`${directory}/users`, `${directory}/users`);
  });

  test("replaced again and again somewhere else, where a link leads to", async (t) => {
    const directory = await temporaryDirectory(t);
    await mkdir(`${directory}/elsewhere`);
    await symlink("elsewhere/real", `${directory}/users`);
    await replacedUntilHints(`${directory}/users`, `${directory}/elsewhere/real`);
  });

  /** Quick replacements are where a watch that compares versions loses track and falls silent. */
  test("replaced after many quick replacements", async (t) => {
    const files = [];
    for (let i = 0; i < 4; i++) files.push(`${await temporaryDirectory(t)}/users`);
    await Promise.all(
      files.map(async (file) => {
        await replacedUntilHints(file, file, async () => {
          for (let i = 0; i < 12; i++) {
            await replace(file, `quick ${i}`);
            await sleep([1, 5, 20, 100][i % 4]);
          }
        });
      }),
    );
  });

  async function replacedUntilHints(
    watched: string,
    replaced: string,
    warmUp = async () => {},
  ): Promise<void> {
    await writeFile(replaced, "");
    let hints = 0;
    const watch = watchFiles([watched], () => hints++);
    await warmUp();
    for (let round = 0; round < 3; round++) {
      const before = hints;
      for (let attempt = 0; hints === before; attempt++) {
        assert.ok(attempt < ATTEMPTS_MAX, `no hint in round ${round}`);
        await replace(replaced, `${round} ${attempt}`);
        await sleep(BETWEEN_ATTEMPTS_MS);
      }
    }
    await watch.close();
  }

  async function replace(file: string, content: string): Promise<void> {
    await writeFile(`${file}.new`, content);
    await rename(`${file}.new`, file);
  }
});

test("there is nothing to watch in no files, and in a directory that does not exist no error", async (t) => {
  await watchFiles([], () => {}).close();
  await watchFiles([`${await temporaryDirectory(t)}/none/users`], () => {}).close();
});

test("a watch keeps no process alive", async (t) => {
  const directory = await temporaryDirectory(t);
  const script = `import { watchDirectory, watchFiles } from ${JSON.stringify(new URL("../../shared/watch.js", import.meta.url).href)};
    watchFiles([${JSON.stringify(`${directory}/users`)}], () => {});`;
  await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script], { timeout: 20_000 });
});

describe("of a directory that is watched", () => {
  /** Resolves when there was a hint of every name. */
  async function hintsOf(
    directory: string,
    names: readonly string[],
    act: () => Promise<void>,
  ): Promise<void> {
    const missing = new Set(names);
    const { promise, resolve } = withResolvers();
    const watch = watchDirectory(directory, (name) => {
      missing.delete(name);
      if (missing.size === 0) resolve();
    });
    try {
      await act();
      await promise;
    } finally {
      await watch.close();
    }
  }

  test("each file that is moved there gives a hint with its name, thousands of them", async (t) => {
    const directory = await temporaryDirectory(t);
    await mkdir(`${directory}/envelope`);
    const names = Array.from({ length: 2000 }, (_, i) => `${i}.json`);
    await hintsOf(`${directory}/envelope`, names, async () => {
      for (const name of names) {
        await writeFile(`${directory}/${name}`, "x");
        await rename(`${directory}/${name}`, `${directory}/envelope/${name}`);
      }
    });
  });

  test("each that is written, replaced and removed, too", async (t) => {
    const directory = await temporaryDirectory(t);
    for (const name of ["written", "replaced", "removed", "new"]) await writeFile(`${directory}/${name}`, "");
    await hintsOf(directory, ["written", "replaced", "removed"], async () => {
      await appendFile(`${directory}/written`, "x");
      await rename(`${directory}/new`, `${directory}/replaced`);
      await unlink(`${directory}/removed`);
    });
  });

  test("nothing is told where it does not exist, or is gone, and nothing after the end", async (t) => {
    const directory = await temporaryDirectory(t);
    await watchDirectory(`${directory}/none`, () => {}).close();
    await mkdir(`${directory}/gone`);
    const watch = watchDirectory(`${directory}/gone`, () => {});
    await rmdir(`${directory}/gone`);
    await watch.close();
    let hints = 0;
    await watchDirectory(directory, () => hints++).close();
    await hintsOf(directory, ["x"], () => writeFile(`${directory}/x`, ""));
    assert.equal(hints, 0);
  });

  test("nothing keeps the process alive", async (t) => {
    const directory = await temporaryDirectory(t);
    const script = `import { watchDirectory } from ${JSON.stringify(new URL("../../shared/watch.js", import.meta.url).href)};
      watchDirectory(${JSON.stringify(directory)}, () => {});`;
    await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script], {
      timeout: 20_000,
    });
  });
});

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
