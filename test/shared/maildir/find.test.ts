/** Opening messages that other programs rename, replace or remove. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, rename, rm, symlink, unlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { FsyncDurable, type Path } from "../../../shared/durable.js";
import { createMaildir } from "../../../shared/maildir/create.js";
import { MessageFinder, openMessage, type Seen, type Whereabouts } from "../../../shared/maildir/find.js";
import { type Maildir, maildirAt } from "../../../shared/maildir/maildir.js";
import { pathOf } from "../../../shared/maildir/name.js";
import { temporaryDirectory } from "../../temporary-directory.js";

const BASE = "1763769600.M1P1Q1.host,S=2,W=3";
const SEEN: Seen = { folder: "new", filename: BASE, identity: BASE };

async function maildirWith(t: TestContext, path: string | undefined, content = "it"): Promise<Maildir> {
  const maildir = maildirAt(`${await temporaryDirectory(t)}/Maildir`);
  await createMaildir(maildir, new FsyncDurable());
  // One that is like it in all but the last character.
  await writeFile(`${maildir.cur}/${BASE.slice(0, -1)}4:2,S`, "another");
  if (path !== undefined) await writeFile(pathOf(maildir.path, path), content);
  return maildir;
}

async function read(path: Path): Promise<string> {
  const handle = await openMessage(path);
  try {
    return await handle.readFile("utf8");
  } finally {
    await handle.close();
  }
}

/** Does `action` with the message as it was seen, at the place where it is found now. */
async function withMessage<T>(
  maildir: Maildir,
  seen: Seen,
  action: (path: Path) => Promise<T>,
): Promise<{ result: T; found: Whereabouts | undefined } | undefined> {
  const finder = new MessageFinder(maildir, [seen]);
  const done = await finder.with(seen.identity, action);
  const last = finder.lastSeen(seen.identity);
  const found = last && { folder: last.folder, filename: last.filename };
  return done && { ...done, found };
}

const places: readonly (readonly [string, Whereabouts])[] = [
  [`new/${BASE}`, { folder: "new", filename: BASE }],
  [`new/${BASE}:2,S`, { folder: "new", filename: `${BASE}:2,S` }],
  [`cur/${BASE}:2,`, { folder: "cur", filename: `${BASE}:2,` }],
  [`cur/${BASE}:2,FSab`, { folder: "cur", filename: `${BASE}:2,FSab` }],
  [`cur/${BASE},U=7:2,S`, { folder: "cur", filename: `${BASE},U=7:2,S` }],
];

describe("a message that was seen in new/ is found", () => {
  for (const [path, found] of places) {
    test(`at ${path}`, async (t) => {
      const maildir = await maildirWith(t, path);
      assert.deepEqual(await withMessage(maildir, SEEN, read), { result: "it", found });
    });
  }

  test("under a name that is not UTF-8", async (t) => {
    const maildir = await maildirWith(t, "cur/1.caf\xe9:2,S");
    const found = { folder: "cur", filename: "1.caf\xe9:2,S" } as const;
    const seen: Seen = { folder: "new", filename: "1.caf\xe9", identity: "1.caf\xe9" };
    assert.deepEqual(await withMessage(maildir, seen, read), { result: "it", found });
  });

  test("though it is renamed again and again while it is looked up", async (t) => {
    const maildir = await maildirWith(t, `new/${BASE}`);
    let at = `${maildir.new}/${BASE}`;
    let renames = 0;
    const result = await withMessage(maildir, SEEN, async (path) => {
      if (renames < 4) {
        const next = `${maildir[renames % 2 === 0 ? "cur" : "new"]}/${BASE}:2,${"S".repeat(renames % 3)}`;
        await rename(at, next);
        at = next;
        renames++;
      }
      return read(path);
    });
    assert.equal(result?.result, "it");
    assert.equal(renames, 4);
  });
});

describe("many messages", () => {
  test("that all have moved are all found, also when they are asked for at the same time", async (t) => {
    const maildir = await maildirWith(t, undefined);
    const seen = Array.from({ length: 200 }, (_, i): Seen => {
      const name = `1763769600.M${i}P1Q2.host`;
      return { folder: "new", filename: name, identity: name };
    });
    for (const { identity } of seen) await writeFile(`${maildir.cur}/${identity}:2,S`, identity);
    const finder = new MessageFinder(maildir, seen);
    const found = await Promise.all(seen.map(({ identity }) => finder.with(identity, read)));
    assert.deepEqual(
      found.map((message) => message?.result),
      seen.map(({ identity }) => identity),
    );
  });

  test("stay apart: one that has gone, one that has moved, one that was never seen", async (t) => {
    const maildir = await maildirWith(t, `cur/${BASE}:2,S`);
    await writeFile(`${maildir.new}/2.unseen`, "unseen");
    const gone: Seen = { folder: "new", filename: "3.gone", identity: "3.gone" };
    const finder = new MessageFinder(maildir, [SEEN, gone]);
    assert.equal(await finder.with("3.gone", read), undefined);
    assert.equal(finder.lastSeen("3.gone"), undefined);
    assert.equal((await finder.with(BASE, read))?.result, "it");
    assert.equal(await finder.with("2.unseen", read), undefined);
  });
});

describe("a message whose base name another program has changed", () => {
  for (const filename of ["1763769600.M1P1Q1.host:2,S", "1763769600.M1P1Q1.host,S=2:2,", `${BASE},X=1,U=3`]) {
    test(`is found as ${filename}`, async (t) => {
      const maildir = await maildirWith(t, `cur/${filename}`);
      assert.deepEqual(await withMessage(maildir, SEEN, read), {
        result: "it",
        found: { folder: "cur", filename },
      });
    });
  }

  test("is not found in another message's place", async (t) => {
    const maildir = await maildirWith(t, "cur/1763769600.M1P1Q1.host:2,S");
    const other: Seen = { folder: "cur", filename: `${BASE},X=1`, identity: `${BASE},X=1` };
    const finder = new MessageFinder(maildir, [SEEN, other]);
    assert.equal(await finder.with(SEEN.identity, read), undefined);
    assert.equal(await finder.with(other.identity, read), undefined);
  });
});

describe("a message that cannot be had", () => {
  test("is gone when it is in neither folder", async (t) => {
    const maildir = await maildirWith(t, undefined);
    assert.equal(await withMessage(maildir, SEEN, read), undefined);
  });

  test("is not said to be gone when it is there, after a bounded number of attempts", async (t) => {
    const maildir = await maildirWith(t, undefined);
    await writeFile(`${maildir.cur}/${BASE}:2,`, "");
    let attempts = 0;
    const attempt = withMessage(maildir, SEEN, async () => {
      attempts++;
      throw Object.assign(new Error("gone again"), { code: "ENOENT" });
    });
    await assert.rejects(attempt, { code: "ENOENT" });
    assert.ok(attempts > 1 && attempts < 300);
  });

  test("rejects with the error of whatever was done to it", async (t) => {
    const maildir = await maildirWith(t, `new/${BASE}`);
    const failing = async () => {
      throw Object.assign(new Error("disk"), { code: "EIO" });
    };
    await assert.rejects(withMessage(maildir, SEEN, failing), { code: "EIO" });
  });

  test("is not said to be gone when the whole Maildir is", async (t) => {
    const maildir = await maildirWith(t, `new/${BASE}`);
    await rm(maildir.path, { recursive: true });
    await assert.rejects(withMessage(maildir, SEEN, read), { code: "ENOENT" });
  });
});

describe("what lies under a message's name, and is none, is never opened", () => {
  const things: readonly (readonly [string, (path: string, t: TestContext) => Promise<unknown>])[] = [
    ["a symbolic link to a file", (path) => symlink("/etc/passwd", path)],
    ["a dangling link", (path) => symlink("nowhere", path)],
    ["a link to itself", (path) => symlink(path, path)],
    ["a FIFO without a writer", async (path) => execFileSync("mkfifo", [path])],
    ["a directory", (path) => mkdir(path)],
    [
      "a socket",
      async (path, t) => {
        const server = createServer().listen(path);
        t.after(() => server.close());
        await once(server, "listening");
      },
    ],
  ];
  for (const [what, make] of things) {
    test(what, async (t) => {
      const maildir = await maildirWith(t, `new/${BASE}`);
      await unlink(`${maildir.new}/${BASE}`);
      await make(`${maildir.new}/${BASE}`, t);
      await assert.rejects(openMessage(`${maildir.new}/${BASE}`), { code: "ENOENT" });
      assert.equal(await withMessage(maildir, SEEN, read), undefined);

      await writeFile(`${maildir.cur}/${BASE}:2,S`, "it");
      assert.equal((await withMessage(maildir, SEEN, read))?.result, "it");
    });
  }
});
