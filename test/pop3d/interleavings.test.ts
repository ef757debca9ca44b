/**
 * Any interleaving of commands, and of what other programs do to the Maildir meanwhile, is answered as the model answers it
 * (model/), in any pieces, by the pure session and by the daemon; and any cut of whatever a client sends gives the same
 * octets.
 */
import assert from "node:assert/strict";
import { rename, rm, unlink, writeFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import fc from "fast-check";
import { FsyncDurable } from "../../shared/durable.js";
import { createMaildir } from "../../shared/maildir/create.js";
import type { Maildir } from "../../shared/maildir/maildir.js";
import { type Pop3d, Site } from "../daemons/site.js";
import { cutInto } from "./arbitraries.js";
import { Client } from "./client.js";
import { dialogue } from "./model/dialogues.js";
import { FAILURES_MAX, FILES, MISTAKES_MAX, play, type Server } from "./model/play.js";
import { nameOf, type StoredFile } from "./model/stored-files.js";
import { filesIn } from "./opened.js";
import { PureServer } from "./pure-server.js";
import { RULES } from "./session-rules.js";
import { linesOf, type StoredMessage } from "./transcript.js";

const PURE_RUNS = 2000;
const DAEMON_RUNS = 150;
const TIMEOUT = { timeout: 120_000 };

/** The lengths of pieces, again and again. */
const cuts = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 8 }).map((lengths) => ({
  *[Symbol.iterator]() {
    for (;;) yield* lengths;
  },
}));
/**
 * A dialogue without anybody else, and with something in it now and then that is none. It stays in the clear: behind STLS
 * the cut decides between octets that are dropped and such as should be TLS, and are not.
 */
const octets = fc
  .tuple(dialogue, fc.array(fc.uint8Array({ maxLength: 30 }), { maxLength: 2 }))
  .map(([events, noise]) => {
    const lines = events
      .flatMap((event) => (event.kind === "lines" ? event.lines : []))
      .filter((line) => line !== "STLS");
    const sent = lines.map((line) => Buffer.from(`${line}\r\n`, "latin1"));
    for (const [i, piece] of noise.entries()) sent.splice(5 * (i + 1), 0, Buffer.from(piece));
    return Buffer.concat(sent);
  });

describe("the pure session", () => {
  const rules = {
    ...RULES,
    stls: true,
    offer: { takesScram: true, takesTokens: false },
    loginFailuresMax: FAILURES_MAX,
    mistakes: { most: MISTAKES_MAX, delayMs: 0 },
  };

  test("answers as the model", async () => {
    await fc.assert(
      fc.asyncProperty(dialogue, cuts, (events, lengths) => {
        const server = new PureServer(rules, FILES.map(stored));
        linesOf(server.takeSent());
        return play(events, purely(server, lengths));
      }),
      { numRuns: PURE_RUNS },
    );
  });

  test("sends the same octets in any cut", () => {
    fc.assert(
      fc.property(octets, cuts, (sent, lengths) => {
        const [whole, cut] = [
          new PureServer(rules, FILES.map(stored)),
          new PureServer(rules, FILES.map(stored)),
        ];
        whole.feed(sent);
        for (const piece of cutInto(sent, lengths)) cut.feed(piece);
        assert.deepEqual(cut.takeSent(), whole.takeSent());
        assert.deepEqual([cut.closed, cut.left], [whole.closed, whole.left]);
      }),
      { numRuns: PURE_RUNS },
    );
  });
});

describe("the daemon", () => {
  let site: Site;
  let pop3d: Pop3d;

  before(async () => {
    site = await Site.make(["alice"]);
    const limits = [
      `login_failures = ${FAILURES_MAX}\nbad_commands = ${MISTAKES_MAX}`,
      'login_failure_delay = "0s"\nbad_command_delay = "0s"',
    ];
    pop3d = await site.pop3d({ tables: `[limits]\n${limits.join("\n")}\n` });
  });

  after(async () => {
    await pop3d.daemon.stop();
    await site.remove();
  });

  test("answers as the model", TIMEOUT, async () => {
    await fc.assert(
      fc.asyncProperty(dialogue, cuts, async (events, lengths) => {
        const maildir = site.maildir("alice");
        await fill(maildir);
        const client = await Client.connect(pop3d.pop3);
        await client.expect("+OK");
        await play(events, overTcp(client, maildir, lengths));
      }),
      { numRuns: DAEMON_RUNS },
    );
  });

  test("sends the same octets in any cut", TIMEOUT, async () => {
    await fc.assert(
      fc.asyncProperty(octets, cuts, async (sent, lengths) => {
        const answers: string[] = [];
        for (const pieces of [[sent.length], lengths]) {
          await fill(site.maildir("alice"));
          const client = await Client.connect(pop3d.pop3);
          await client.sendInPieces(sent, pieces);
          client.end();
          answers.push(await client.rest());
        }
        assert.equal(answers[1], answers[0]);
      }),
      { numRuns: DAEMON_RUNS },
    );
  });
});

function stored(file: StoredFile): StoredMessage {
  return {
    within: "",
    folder: file.folder,
    filename: nameOf(file),
    octets: Buffer.from(file.text, "latin1"),
  };
}

/** It moves and flags nothing, so only base names can be compared in the end. */
function purely(server: PureServer, lengths: Iterable<number>): Server {
  return {
    send: async (octets) => {
      for (const piece of cutInto(octets, lengths)) server.feed(piece);
    },
    lines: async () => linesOf(server.takeSent()),
    startTls: async () => server.beginTls(),
    end: async (closed) => assert.equal(server.closed, closed),
    remove: async (file) => server.remove(nameOf(file)),
    rename: async (from, to) => {
      server.remove(nameOf(from));
      server.deliver(stored(to));
    },
    deliver: async (file) => server.deliver(stored(file)),
    leaves: async (files) => assert.deepEqual(baseNames(server.left), baseNames(files)),
  };
}

function baseNames(files: readonly string[]): string[] {
  return files.map((file) => file.replace(/^\w+\/|:.*$/g, "")).sort();
}

function overTcp(first: Client, maildir: Maildir, lengths: Iterable<number>): Server {
  let client = first;
  const path = (file: StoredFile) => `${maildir[file.folder]}/${nameOf(file)}`;
  return {
    send: (octets) => client.sendInPieces(octets, lengths),
    lines: async (count) => {
      const lines: string[] = [];
      while (lines.length < count) lines.push(await client.line());
      return lines;
    },
    startTls: async () => {
      client = await client.startTls();
    },
    end: async (closed) => {
      if (!closed) client.end();
      assert.equal(await client.rest(), "");
    },
    remove: (file) => unlink(path(file)),
    rename: (from, to) => rename(path(from), path(to)),
    deliver: (file) => writeFile(path(file), file.text, "latin1"),
    leaves: async (files) => assert.deepEqual(await filesIn(maildir), files),
  };
}

async function fill(maildir: Maildir): Promise<void> {
  await rm(maildir.path, { recursive: true, force: true });
  await createMaildir(maildir, new FsyncDurable());
  for (const file of FILES) await writeFile(`${maildir[file.folder]}/${nameOf(file)}`, file.text, "latin1");
}
