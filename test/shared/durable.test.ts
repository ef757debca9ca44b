/** Durable files on a real file system, and syncs that are shared. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { describe, test } from "node:test";
import { promisify } from "node:util";
import fc from "fast-check";
import { FsyncDurable, SharedSyncs } from "../../shared/durable.js";
import { temporaryDirectory } from "../temporary-directory.js";

const DURABLE = new URL("../../shared/durable.js", import.meta.url).href;

describe("FsyncDurable", () => {
  test("makes a file of its own, with what was written in the order of writing", async (t) => {
    const directory = await temporaryDirectory(t);
    const durable = new FsyncDurable();
    const octets = Buffer.from(Array.from({ length: 700_000 }, (_, i) => i % 251));
    const file = await durable.create(`${directory}/a`);
    await file.write(octets.subarray(0, 1));
    await file.write(new Uint8Array());
    await file.write(octets.subarray(1));
    await file.sync();
    await file.close();
    await durable.publish(`${directory}/a`, `${directory}/b`);
    await durable.syncDirectory(directory);
    assert.deepEqual(await readdir(directory), ["b"]);
    assert.ok(octets.equals(await readFile(`${directory}/b`)));
    assert.equal((await stat(`${directory}/b`)).mode & 0o777, 0o600);
    await durable.remove(`${directory}/b`);
    assert.deepEqual(await readdir(directory), []);
  });

  test("takes names that are not UTF-8", async (t) => {
    const directory = await temporaryDirectory(t);
    const name = Buffer.from(`${directory}/caf\xe9`, "latin1");
    await (await new FsyncDurable().create(name)).close();
    assert.deepEqual(await readdir(directory, "latin1"), ["caf\xe9"]);
  });

  test("never takes a file that is there, nor what a symbolic link points to", async (t) => {
    const directory = await temporaryDirectory(t);
    await writeFile(`${directory}/there`, "x");
    await symlink(`${directory}/elsewhere`, `${directory}/link`);
    for (const name of ["there", "link"]) {
      await assert.rejects(new FsyncDurable().create(`${directory}/${name}`), { code: "EEXIST" });
    }
    assert.equal(await readFile(`${directory}/there`, "utf8"), "x");
    assert.deepEqual((await readdir(directory)).sort(), ["link", "there"]);
  });

  test("writes on when the system takes only a part, and never takes a part for all", async (t) => {
    const directory = await temporaryDirectory(t);
    const script = `import { FsyncDurable } from ${JSON.stringify(DURABLE)};
      const file = await new FsyncDurable().create(${JSON.stringify(`${directory}/x`)});
      const outcome = await file.write(Buffer.alloc(100_000)).then(() => "written", (error) => error.code);
      console.log(outcome);`;
    // Files may have 64 blocks of 512 octets: of the first write(2) so much is taken, and of the next nothing.
    const limited = [
      "-c",
      'ulimit -f 64 && exec "$@"',
      "sh",
      process.execPath,
      "--input-type=module",
      "--eval",
      script,
    ];
    const { stdout } = await promisify(execFile)("sh", limited, { timeout: 20_000 });
    assert.equal(stdout, "EFBIG\n");
    assert.ok((await stat(`${directory}/x`)).size > 0);
  });

  test("passes errors on as they are", async (t) => {
    const directory = await temporaryDirectory(t);
    await mkdir(`${directory}/a`);
    const durable = new FsyncDurable();
    await assert.rejects(durable.create(`${directory}/no/x`), { code: "ENOENT" });
    await assert.rejects(durable.publish(`${directory}/no`, `${directory}/x`), { code: "ENOENT" });
    await assert.rejects(durable.remove(`${directory}/no`), { code: "ENOENT" });
    await assert.rejects(durable.syncDirectory(`${directory}/no`), { code: "ENOENT" });
    await writeFile(`${directory}/file`, "");
    await assert.rejects(durable.syncDirectory(`${directory}/file`), { code: "ENOTDIR" });
  });
});

/** Syncs that end when the test says so. */
class ScriptedSyncs {
  readonly begun: { readonly key: string; readonly end: (error?: Error) => void }[] = [];
  readonly running = new Set<string>();

  readonly syncNow = (key: string): Promise<void> => {
    assert.ok(!this.running.has(key), "two syncs of one directory at a time");
    this.running.add(key);
    return new Promise((resolve, reject) => {
      this.begun.push({
        key,
        end: (error) => {
          this.running.delete(key);
          if (error === undefined) resolve();
          else reject(error);
        },
      });
    });
  };
}

/** Lets every promise that can settle do so. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe("SharedSyncs", () => {
  test("a waiter during a running sync waits for the next one, and all of them for the same", async () => {
    const script = new ScriptedSyncs();
    const syncs = new SharedSyncs(script.syncNow);
    const done: string[] = [];
    const wait = (name: string) => syncs.after("d").then(() => done.push(name));
    void wait("first");
    void wait("second");
    void wait("third");
    assert.equal(script.begun.length, 1);
    script.begun[0]?.end();
    await settled();
    assert.deepEqual(done, ["first"]);
    assert.equal(script.begun.length, 2);
    script.begun[1]?.end();
    await settled();
    assert.deepEqual(done, ["first", "second", "third"]);
    assert.equal(script.begun.length, 2);
  });

  test("directories do not wait for one another", async () => {
    const script = new ScriptedSyncs();
    const syncs = new SharedSyncs(script.syncNow);
    const one = syncs.after("one");
    const two = syncs.after("two");
    assert.deepEqual(
      script.begun.map(({ key }) => key),
      ["one", "two"],
    );
    script.begun[1]?.end();
    await two;
    script.begun[0]?.end();
    await one;
  });

  /** What a test may do next: let another wait for a directory, or end the oldest running sync, well or not. */
  const action = fc.oneof(
    fc.record({ kind: fc.constant("wait" as const), key: fc.constantFrom("a", "b") }),
    fc.record({ kind: fc.constant("end" as const), fails: fc.boolean() }),
  );

  test("every waiter gets the outcome of the first sync that began after it came", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 40 }), async (actions) => {
        const script = new ScriptedSyncs();
        const syncs = new SharedSyncs(script.syncNow);
        const waiters: { key: string; begunBefore: number; outcome: unknown }[] = [];
        const outcomes = new Map<number, unknown>();
        let ended = 0;

        const end = async (fails: boolean) => {
          const sync = script.begun[ended];
          if (sync === undefined) return;
          const error = fails ? new Error(`sync ${ended}`) : undefined;
          outcomes.set(ended++, error ?? "done");
          sync.end(error);
          await settled();
        };
        for (const next of actions) {
          if (next.kind === "end") await end(next.fails);
          else {
            const waiter = { key: next.key, begunBefore: script.begun.length, outcome: undefined as unknown };
            waiters.push(waiter);
            syncs.after(next.key).then(
              () => {
                waiter.outcome = "done";
              },
              (error: unknown) => {
                waiter.outcome = error;
              },
            );
          }
        }
        while (ended < script.begun.length) await end(false);

        for (const { key, begunBefore, outcome } of waiters) {
          const first = script.begun.findIndex((sync, i) => i >= begunBefore && sync.key === key);
          assert.ok(first >= 0);
          assert.equal(outcome, outcomes.get(first));
        }
        assert.ok(script.begun.length <= waiters.length);
      }),
    );
  });
});
