/** The sizes of messages of all kinds: told by names, counted, corrected, and remembered from one daemon to the next. */
import assert from "node:assert/strict";
import { mkdir, readdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { describe, test } from "node:test";
import { FsyncDurable } from "../../shared/durable.js";
import { commitAll, Delivery } from "../../shared/maildir/deliver.js";
import type { Maildir } from "../../shared/maildir/maildir.js";
import { uniqueNames } from "../../shared/maildir/name.js";
import { temporaryDirectory } from "../temporary-directory.js";
import { maildirWith, messageOf, opened, opening, silent } from "./opened.js";

const FILE = "pillarbox-sizes";
const SUBJECT = "Subject: \xc3\xa9\n\n";
/** What a surrogate of it has more. */
const ADDED = "=?utf-8?Q?=C3=A9?=".length - 2;

describe("sizes", () => {
  test("of foreign messages are counted, with those of their surrogates", async (t) => {
    const maildir = await maildirWith(await temporaryDirectory(t), {
      "new/0.dovecot,S=8,W=8": "a: b\n\nc\n",
      "new/1.crlf": "a: b\r\n\r\nc\r\n",
      "new/2.mixed": "a: b\r\n\nc\r\r\n\n",
      "new/3.empty": "",
      "new/4.unfinished": "a: b",
      "new/5.nul": "a: \0\n\n\0",
      "new/6.latin1": "Subject: \xe9\n\n\xe9\n",
      "new/7.shiftjis": "Subject: \x83\x65\x83\x58\n\nb\n",
      "new/8.utf8": `${SUBJECT}b\n`,
      "new/9.header": "Subject: \xc3\xa9",
    });
    assert.deepEqual(await listing(maildir), [
      "11 same",
      "11 same",
      "14 same",
      "0 same",
      "4 same",
      "9 same",
      "17 +21",
      "20 +23",
      `18 +${ADDED}`,
      `11 +${ADDED}`,
    ]);
  });

  test("of a message whose header is ten megabytes are counted", async (t) => {
    const long = `${"X-Field: plain\n".repeat(700_000)}Subject: \xc3\xa9\n\n`;
    const maildir = await maildirWith(await temporaryDirectory(t), { "new/1.a": long });
    // So far behind the beginning an "é" is two questionable octets.
    assert.deepEqual(await listing(maildir), [`${long.length + 700_002} +0`]);
  });

  test("of ours are told by their names, and a message is read only for its surrogate", async (t) => {
    const maildir = await maildirWith(await temporaryDirectory(t), {});
    const names = await deliver(maildir, ["Subject: a\n\nb\n", `${SUBJECT}b\n`, "a: b\n\n\xc3\xa9\n"]);
    assert.deepEqual(
      names.map((name) => /,H=8$/.test(name)),
      [false, true, false],
    );
    // Had another one been read, it would show.
    for (const name of [names[0], names[2]])
      await writeFile(`${maildir.new}/${name}`, "longer than it was\n".repeat(9));
    assert.deepEqual(await listing(maildir), ["17 same", `18 +${ADDED}`, "12 same"]);
    assert.match(await readFile(`${maildir.path}/${FILE}`, "latin1"), /^pillarbox-sizes 1\n18 34 \S+,H=8\n$/);
  });

  test("in UTF-8 mode need no look at a header", async (t) => {
    const maildir = await maildirWith(await temporaryDirectory(t), {
      "new/1.a,S=1,W=18": `${SUBJECT}longer\n`,
    });
    const open = await opened(maildir, opening(), true);
    assert.deepEqual([messageOf(open, 1).octets, messageOf(open, 1).surrogateOctets], [18, undefined]);
    await open.close();
    assert.equal(await hasFile(maildir), false);
  });

  test("told by the name of a foreign message are taken, its header is read, and not the rest", async (t) => {
    const maildir = await maildirWith(await temporaryDirectory(t), {
      "new/1.a,S=1,W=77": `${SUBJECT}b\n`,
      "new/2.b,W=78": "a: b\n\n\xe9\n",
    });
    assert.deepEqual(await listing(maildir), [`77 +${ADDED}`, "78 same"]);
  });
});

describe("what was counted is remembered", () => {
  test("by another daemon, whatever has become of names, and forgotten with the message", async (t) => {
    const maildir = await maildirWith(await temporaryDirectory(t), {
      "new/1.a": "a\n",
      "new/2.b": SUBJECT,
      "new/3.\xe9 odd": "c\n",
    });
    const before = await listing(maildir);
    assert.deepEqual(before, ["3 same", `15 +${ADDED}`, "3 same"]);
    // Had they been counted again, it would show.
    await writeFile(`${maildir.new}/1.a`, "longer\n");
    await rename(`${maildir.new}/1.a`, `${maildir.cur}/1.a,U=3:2,FS`);
    await writeFile(`${maildir.new}/2.b`, "longer\n");
    assert.deepEqual(await listing(maildir), before);
    await rm(`${maildir.new}/2.b`);
    assert.deepEqual(await listing(maildir), ["3 same", "3 same"]);
    await writeFile(`${maildir.new}/4.d`, "d\n");
    await listing(maildir);
    const file = await readFile(`${maildir.path}/${FILE}`, "latin1");
    assert.equal(file, "pillarbox-sizes 1\n3 - 3.%e9%20odd\n3 - 1.a\n3 - 4.d\n");
    assert.deepEqual(await readdir(maildir.tmp), []);
  });

  test("without a file, where there is nothing to remember", async (t) => {
    const maildir = await maildirWith(await temporaryDirectory(t), {});
    await deliver(maildir, ["Subject: a\n\nb\n"]);
    await listing(maildir);
    assert.equal(await hasFile(maildir), false);
  });

  test("and the file is not written again where nothing new is known", async (t) => {
    const maildir = await maildirWith(await temporaryDirectory(t), { "new/1.a": "a\n" });
    await listing(maildir);
    await writeFile(`${maildir.path}/${FILE}`, "pillarbox-sizes 1\n9 - 1.a\n");
    assert.deepEqual(await listing(maildir), ["9 same"]);
    assert.equal(await readFile(`${maildir.path}/${FILE}`, "latin1"), "pillarbox-sizes 1\n9 - 1.a\n");
  });

  test("and the file does not outlive most of its messages, lest it be read at each login for nothing", async (t) => {
    const maildir = await maildirWith(await temporaryDirectory(t), {
      "new/1.a": "a\n",
      "new/2.b": "b\n",
      "new/3.c": "c\n",
    });
    const how = opening();
    await listing(maildir, how);
    await rm(`${maildir.new}/1.a`);
    await rm(`${maildir.new}/2.b`);
    assert.deepEqual(await listing(maildir, how), ["3 same"]);
    const file = () => readFile(`${maildir.path}/${FILE}`, "latin1");
    assert.equal(await file(), "pillarbox-sizes 1\n3 - 3.c\n");
    await rm(`${maildir.new}/3.c`);
    await deliver(maildir, ["Subject: a\n\nb\n"]);
    await listing(maildir, how);
    assert.equal(await hasFile(maildir), false);
    assert.deepEqual(await readdir(maildir.tmp), []);
  });

  test("and what another session has counted meanwhile is not written by one that has ended", async (t) => {
    const maildir = await maildirWith(await temporaryDirectory(t), { "new/1.a": "a\n" });
    const how = opening();
    const first = await opened(maildir, how);
    await first.close();
    await writeFile(`${maildir.new}/2.b`, "b\n");
    const second = await opened(maildir, how);
    await first.close();
    assert.equal(await readFile(`${maildir.path}/${FILE}`, "latin1"), "pillarbox-sizes 1\n3 - 1.a\n");
    assert.equal(await second.lock?.isHeld(), true);
    await second.close();
  });

  test("in memory, unless somebody has changed the file", async (t) => {
    const maildir = await maildirWith(await temporaryDirectory(t), { "new/1.a": "a\n" });
    const how = opening();
    await listing(maildir, how);
    await writeFile(`${maildir.new}/1.a`, "longer\n");
    assert.deepEqual(await listing(maildir, how), ["3 same"]);
    await rm(`${maildir.path}/${FILE}`);
    assert.deepEqual(await listing(maildir, how), ["8 same"]);
  });

  test("and a damaged file is not believed, but replaced", async (t) => {
    const maildir = await maildirWith(await temporaryDirectory(t), { "new/1.a": "a\n" });
    for (const damaged of ["", "\0\0\0", "pillarbox-sizes 1\n9 - 1.a", "pillarbox-sizes 2\n9 - 1.a\n"]) {
      await writeFile(`${maildir.path}/${FILE}`, damaged);
      assert.deepEqual(await listing(maildir), ["3 same"]);
      assert.equal(await readFile(`${maildir.path}/${FILE}`, "latin1"), "pillarbox-sizes 1\n3 - 1.a\n");
    }
  });

  test("and a file that is a symbolic link or a directory is not followed", async (t) => {
    const maildir = await maildirWith(await temporaryDirectory(t), { "new/1.a": "a\n" });
    await writeFile(`${maildir.path}/elsewhere`, "pillarbox-sizes 1\n9 - 1.a\n");
    await symlink("elsewhere", `${maildir.path}/${FILE}`);
    assert.deepEqual(await listing(maildir), ["3 same"]);
    assert.match(await readFile(`${maildir.path}/elsewhere`, "latin1"), /9 - 1\.a/);
    await rm(`${maildir.path}/${FILE}`);
    await mkdir(`${maildir.path}/${FILE}`);
    assert.deepEqual(await listing(maildir), ["3 same"]);
    assert.deepEqual(await readdir(maildir.tmp), []);
  });

  test("in memory where the file cannot be written", async (t) => {
    const maildir = await maildirWith(await temporaryDirectory(t), { "new/1.a": "a\n" });
    const how = opening();
    await rm(maildir.tmp, { recursive: true });
    assert.deepEqual(await listing(maildir, how), ["3 same"]);
    await writeFile(`${maildir.new}/1.a`, "longer\n");
    assert.deepEqual(await listing(maildir, how), ["3 same"]);
    assert.equal(await hasFile(maildir), false);
  });

  test("in each folder by itself", async (t) => {
    const maildir = await maildirWith(await temporaryDirectory(t), {
      "new/1.a": "a\n",
      ".Spam/new/1.a": "in the folder\n",
    });
    await mkdir(`${maildir.path}/.Spam/tmp`);
    assert.deepEqual(await listing(maildir, opening(["", ".Spam"])), ["3 same", "15 same"]);
    assert.equal(await readFile(`${maildir.path}/.Spam/${FILE}`, "latin1"), "pillarbox-sizes 1\n15 - 1.a\n");
  });
});

test("a size that is wrong is corrected for the next session, in the next daemon, too", async (t) => {
  const maildir = await maildirWith(await temporaryDirectory(t), {});
  const [name = ""] = await deliver(maildir, ["Subject: a\n\nb\n"]);
  await writeFile(`${maildir.new}/${name}`, `${SUBJECT}longer\n`, "latin1");
  const open = await opened(maildir);
  const message = messageOf(open, 1);
  assert.equal(message.octets, 17);
  await open.sizes.correct(maildir, message.identity, open.folderOf(message).finder, silent);
  await open.close();
  assert.deepEqual(await listing(maildir), [`23 +${ADDED}`]);
});

/** `octets +surrogate's` of each message, in a session by itself, by a daemon of its own unless told otherwise. */
async function listing(maildir: Maildir, how = opening()): Promise<string[]> {
  const open = await opened(maildir, how);
  const lines = [...open.maildrop.listed()].map(({ octets, surrogateOctets }) =>
    surrogateOctets === undefined ? `${octets} same` : `${octets} +${surrogateOctets - octets}`,
  );
  await open.close();
  return lines;
}

const uniqueName = uniqueNames("host", process.pid, Date.now);

/** As smtpd does; the names. */
async function deliver(maildir: Maildir, messages: readonly string[]): Promise<string[]> {
  const names: string[] = [];
  for (const message of messages) {
    const durable = new FsyncDurable();
    const delivery = await Delivery.begin(maildir, uniqueName(), durable);
    // In pieces that cut through everything.
    for (const octet of Buffer.from(message, "latin1")) await delivery.write(Buffer.of(octet));
    await delivery.stage();
    await commitAll([delivery], durable);
    names.push(delivery.name);
  }
  return names;
}

async function hasFile(maildir: Maildir): Promise<boolean> {
  return (await readdir(maildir.path)).includes(FILE);
}
