/** A daemon's life, watched from outside: what it says, what it does on signals, how it ends. */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, cp, readFile, rename, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { describe, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { TinyOptions } from "../fakes/tiny-daemon.js";
import { runsAsRoot, withoutNobody } from "../nobody.js";
import { inapplicable } from "../peers.js";
import { temporaryDirectory } from "../temporary-directory.js";

const PROGRAM = fileURLToPath(new URL("../fakes/tiny-daemon.js", import.meta.url));
const LIFE_MS_MAX = 30_000;

type Line = Readonly<Record<string, unknown>>;

/** A child process that logs JSON lines. */
class Child {
  readonly process: ChildProcess;
  readonly file: string;
  readonly lines: Line[] = [];
  readonly #ended: Promise<unknown[]>;
  #onLine = () => {};

  constructor(process: ChildProcess, file: string) {
    this.process = process;
    this.file = file;
    this.#ended = once(process, "close");
    if (process.stdout !== null) {
      createInterface({ input: process.stdout }).on("line", (line) => {
        this.lines.push(JSON.parse(line));
        this.#onLine();
      });
    }
    void this.#ended.then(() => this.#onLine());
  }

  /** The first line, past or to come, that says `msg` and has these values. */
  async said(msg: string, values: Line = {}): Promise<Line> {
    for (;;) {
      const line = this.lines.find(
        (line) => line.msg === msg && Object.entries(values).every(([key, value]) => line[key] === value),
      );
      if (line !== undefined) return line;
      if (this.process.exitCode !== null || this.process.signalCode !== null) {
        assert.fail(`it never said "${msg}": ${JSON.stringify(this.lines)}`);
      }
      await new Promise<void>((resolve) => {
        this.#onLine = resolve;
      });
    }
  }

  /** The exit code; the name of a signal that ended it instead. */
  async ended(): Promise<unknown> {
    const [code, signal] = await this.#ended;
    return code ?? signal;
  }
}

async function start(t: TestContext, options: Partial<TinyOptions> = {}, program = PROGRAM): Promise<Child> {
  const file = `${await temporaryDirectory(t)}/number`;
  await writeFile(file, "1");
  const given: TinyOptions = { address: "127.0.0.1:0", file, ...options };
  const child = spawn(process.execPath, [program, JSON.stringify(given)], {
    stdio: ["ignore", "pipe", "inherit"],
    timeout: LIFE_MS_MAX,
    killSignal: "SIGKILL",
  });
  t.after(() => child.kill("SIGKILL"));
  return new Child(child, file);
}

describe("a daemon", () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    test(`says that it listens, and where, and ends with 0 on ${signal}`, async (t) => {
      const daemon = await start(t);
      const { addresses, pid } = await daemon.said("listening");
      assert.equal(pid, daemon.process.pid);
      assert.match(String(addresses), /^127\.0\.0\.1:[1-9]\d*$/);
      daemon.process.kill(signal);
      assert.equal(await daemon.ended(), 0);
      await daemon.said("stopping", { signal });
      await daemon.said("stopped");
    });
  }

  test("drains however often it is told to end at once, as npm tells it twice", async (t) => {
    const daemon = await start(t, { stop: "slow" });
    await daemon.said("listening");
    for (const signal of ["SIGINT", "SIGINT", "SIGTERM"] as const) daemon.process.kill(signal);
    assert.equal(await daemon.ended(), 0);
  });

  test("ends at once with 75 when it is told again and has not ended", async (t) => {
    const daemon = await start(t, { stop: "hang" });
    await daemon.said("listening");
    daemon.process.kill("SIGTERM");
    await daemon.said("stopping");
    assert.equal(daemon.process.exitCode, null);
    // The echo of a signal does not count, so it takes more than one.
    while (daemon.process.exitCode === null && daemon.process.kill("SIGTERM")) await sleep(100);
    assert.equal(await daemon.ended(), 75);
  });

  test("that is told to end while it starts ends when it has started", async (t) => {
    const daemon = await start(t, { start: "wait" });
    await daemon.said("starting");
    daemon.process.kill("SIGTERM");
    daemon.process.kill("SIGHUP");
    daemon.process.kill("SIGUSR2");
    assert.equal(await daemon.ended(), 0);
    await daemon.said("stopped");
  });

  test("that cannot stop well says so, and ends with 70 all the same", async (t) => {
    const daemon = await start(t, { stop: "fail" });
    await daemon.said("listening");
    daemon.process.kill("SIGTERM");
    assert.equal(await daemon.ended(), 70);
  });
});

describe("the exit code is", () => {
  test("75 for a port that is taken, and the log names the address", async (t) => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    t.after(() => server.close());
    const bound = server.address();
    assert.ok(typeof bound === "object" && bound !== null);
    const address = `127.0.0.1:${bound.port}`;
    const daemon = await start(t, { address });
    assert.equal(await daemon.ended(), 75);
    assert.ok(String((await daemon.said("cannot start")).reason).includes(address));
  });

  for (const [what, code] of [
    ["configuration", 78],
    ["permission", 77],
    ["bug", 70],
  ] as const) {
    test(`${code} when the start fails for ${what}`, async (t) => {
      const daemon = await start(t, { start: what });
      assert.equal(await daemon.ended(), code);
      await daemon.said("cannot start");
    });
  }

  for (const late of ["exception", "rejection"] as const) {
    test(`70 for an ${late} that nobody takes care of, which is logged with its stack`, async (t) => {
      const daemon = await start(t, { late });
      await daemon.said("listening");
      daemon.process.kill("SIGUSR2");
      assert.equal(await daemon.ended(), 70);
      const { err } = await daemon.said("bug");
      assert.match(JSON.stringify(err), /nobody .*tiny-daemon/);
    });
  }
});

describe("reloading", () => {
  test("happens on SIGHUP; a broken file keeps the old version", async (t) => {
    const daemon = await start(t);
    await daemon.said("listening");
    await writeFile(daemon.file, "2");
    daemon.process.kill("SIGHUP");
    await daemon.said("read", { number: 2 });
    await writeFile(daemon.file, "broken");
    daemon.process.kill("SIGHUP");
    await daemon.said("reload failed, the old version stays in force", { what: "number" });
    await writeFile(daemon.file, "3");
    daemon.process.kill("SIGHUP");
    await daemon.said("read", { number: 3 });
    daemon.process.kill("SIGTERM");
    assert.equal(await daemon.ended(), 0);
  });

  test("happens when the file is replaced, without any signal", async (t) => {
    const daemon = await start(t);
    await daemon.said("listening");
    let found = false;
    const reloaded = daemon.said("reloaded").then(() => {
      found = true;
    });
    // Until the watch has begun, and nothing says when, a change is noticed late; so there are several.
    for (let number = 2; !found; number++) {
      await writeFile(`${daemon.file}.new`, `${number}`);
      await rename(`${daemon.file}.new`, daemon.file);
      await sleep(300);
    }
    await reloaded;
    daemon.process.kill("SIGTERM");
    assert.equal(await daemon.ended(), 0);
  });
});

test("files that a daemon makes are for its user alone", async (t) => {
  const daemon = await start(t, {});
  await daemon.said("listening");
  const status = await readFile(`/proc/${daemon.process.pid}/status`, "utf8");
  assert.match(status, /^Umask:\t0077$/m);
});

describe("privileges", { skip: !runsAsRoot && inapplicable("only root has any to give up") }, () => {
  /** The line of /proc/PID/status that says which ids a process has. */
  async function idsOf(daemon: Child, key: "Uid" | "Gid" | "Groups"): Promise<string[]> {
    const status = await readFile(`/proc/${daemon.process.pid}/status`, "utf8");
    const line = new RegExp(`^${key}:(.*)$`, "m").exec(status)?.[1] ?? "";
    return [...new Set(line.trim().split(/\s+/))];
  }

  const id = (...args: string[]) => execFileSync("id", args, { encoding: "utf8" }).trim();

  test("are given up for good once the port is bound", { skip: withoutNobody() }, async (t) => {
    const daemon = await start(t, { user: "nobody" });
    await daemon.said("privileges dropped");
    await daemon.said("listening");
    // Real, effective, saved and file system's: none is left that could become root again.
    assert.deepEqual(await idsOf(daemon, "Uid"), [id("-u", "nobody")]);
    assert.deepEqual(await idsOf(daemon, "Gid"), [id("-g", "nobody")]);
    assert.deepEqual((await idsOf(daemon, "Groups")).sort(), id("-G", "nobody").split(" ").sort());
    daemon.process.kill("SIGTERM");
    assert.equal(await daemon.ended(), 0);
  });

  test("are exchanged for another group where one is named", { skip: withoutNobody() }, async (t) => {
    const daemon = await start(t, { user: "nobody", group: "daemon" });
    await daemon.said("listening");
    assert.deepEqual(await idsOf(daemon, "Gid"), [id("-g", "daemon")]);
  });

  test("stay, with a warning, where the user is root", async (t) => {
    const daemon = await start(t, { user: "root" });
    await daemon.said("listening");
    assert.deepEqual(await idsOf(daemon, "Uid"), ["0"]);
    assert.ok(daemon.lines.some(({ level }) => level === "warn"));
  });

  test("are not given up to a user who cannot read the program: 77", async (t) => {
    const copy = await temporaryDirectory(t);
    await cp(fileURLToPath(new URL("../../", import.meta.url)), `${copy}/dist`, { recursive: true });
    for (const name of ["package.json", "node_modules"]) {
      await symlink(fileURLToPath(new URL(`../../../${name}`, import.meta.url)), `${copy}/${name}`);
    }
    await chmod(copy, 0o700);
    const program = `${copy}/dist/test/fakes/tiny-daemon.js`;
    const daemon = await start(t, { user: "nobody" }, program);
    assert.equal(await daemon.ended(), 77);
  });

  for (const [what, options] of [
    ["user", { user: "no-such-user" }],
    ["group", { user: "nobody", group: "no-such-group" }],
  ] as const) {
    test(`cannot be exchanged for those of a ${what} that does not exist: 78`, async (t) => {
      const daemon = await start(t, options);
      assert.equal(await daemon.ended(), 78);
    });
  }
});
