/** Runs transcripts: against the pure session, and against daemons that are configured as each wants it. */
import assert from "node:assert/strict";
import { rm, writeFile } from "node:fs/promises";
import type { SessionRules } from "../../pop3d/authorization.js";
import { parseExpire, parseLoginDelay, type SitePolicy, sitePolicy } from "../../pop3d/policy.js";
import { readExtraFields } from "../../shared/accounts/extra-fields.js";
import { FsyncDurable } from "../../shared/durable.js";
import { createMaildir } from "../../shared/maildir/create.js";
import { folderOf } from "../../shared/maildir/maildir.js";
import { pathOf } from "../../shared/maildir/name.js";
import { type DaemonOptions, type Pop3d, Site } from "../daemons/site.js";
import { cutInto } from "./arbitraries.js";
import { Client } from "./client.js";
import { filesIn } from "./opened.js";
import { type PureMaildrop, PureServer } from "./pure-server.js";
import { assertLines, expectedLines, linesOf, type Phase, type Transcript } from "./transcript.js";

export interface Way {
  readonly name: string;
  readonly tls: boolean;
  /** Octets that are sent at a time; or a line, and the next when its reply has come. */
  readonly pieces: number | "line by line";
}

export const WAYS: readonly Way[] = [
  { name: "TCP, line by line", tls: false, pieces: "line by line" },
  { name: "TCP, all at once", tls: false, pieces: Number.MAX_SAFE_INTEGER },
  { name: "TCP, an octet at a time", tls: false, pieces: 1 },
  { name: "TCP, seven octets at a time", tls: false, pieces: 7 },
  { name: "TLS, all at once", tls: true, pieces: Number.MAX_SAFE_INTEGER },
];

/** Whether a transcript can be run in that way: not over TLS, when it is about the time before. */
export function makesSense(transcript: Transcript, { tls }: Way): boolean {
  return !tls || !(transcript.phases.some((phase) => phase.tls) || saysNoTls(transcript));
}

/** Runs it in pieces of that size, and of all that there is. */
export function runPurely(transcript: Transcript, pieceSizes: number): void {
  const longest = Math.max(...transcript.phases.map((phase) => sentOctets(phase).length));
  for (let size = 1; size <= Math.min(longest, pieceSizes); size++) runInPieces(transcript, size);
  runInPieces(transcript, longest);
}

/** The daemons that transcripts run against, started when the first comes that wants such a one. */
export class TranscriptDaemons {
  /** By their accounts. */
  readonly #sites = new Map<string, Promise<Site>>();
  /** By their settings and accounts. */
  readonly #daemons = new Map<string, Promise<Pop3d>>();

  async run(transcript: Transcript, way: Way): Promise<void> {
    const site = await this.#siteFor(transcript);
    await fill(site, transcript);
    const pop3d = await this.#daemonFor(transcript);
    const { daemon } = pop3d;
    const ended = () => daemon.log.filter(({ msg }) => msg === "connection closed").length;
    const before = ended();
    await run(transcript, way, pop3d);
    // A connection that was cut may be at work for a while yet.
    await daemon.logged(() => ended() > before);
    if (transcript.left === undefined) return;
    assert.deepEqual(await filesIn(site.maildir("alice")), transcript.left);
  }

  async end(): Promise<void> {
    for (const { daemon } of await Promise.all(this.#daemons.values())) await daemon.stop();
    for (const site of await Promise.all(this.#sites.values())) await site.remove();
  }

  #siteFor({ accounts }: Transcript): Promise<Site> {
    const key = [...accounts].join("\n");
    const made = this.#sites.get(key) ?? Site.make(accounts);
    this.#sites.set(key, made);
    return made;
  }

  async #daemonFor(transcript: Transcript): Promise<Pop3d> {
    const { settings, accounts } = transcript;
    const key = [...settings, ...accounts].join("\n");
    const started = this.#daemons.get(key) ?? (await this.#siteFor(transcript)).pop3d(toml(settings));
    this.#daemons.set(key, started);
    return started;
  }
}

function runInPieces(transcript: Transcript, pieceSize: number): void {
  const server = new PureServer(rulesOf(transcript), transcript.messages, maildropOf(transcript));
  for (const phase of transcript.phases) {
    if (phase.tls) server.beginTls();
    for (const piece of cutInto(sentOctets(phase), repeat(pieceSize))) server.feed(piece);
    assertLines(linesOf(server.takeSent()), expectedLines(phase));
  }
  assert.equal(server.closed, transcript.ending === "server closes");
  if (transcript.left === undefined) return;
  const uniqueParts = (names: readonly string[]) =>
    names.map((name) => name.replace(/\b(?:new|cur)\/|[,:].*$/g, "")).sort();
  assert.deepEqual(uniqueParts(server.left), uniqueParts(transcript.left));
}

async function run(transcript: Transcript, way: Way, { pop3, pop3s }: Pop3d): Promise<void> {
  let client = way.tls ? await Client.connectTls(pop3s) : await Client.connect(pop3);
  for (const phase of transcript.phases) {
    if (phase.tls) client = await client.startTls();
    const expected = expectedLines(phase);
    if (way.pieces === "line by line") {
      const received: string[] = [];
      for (const turn of phase.turns) {
        if (turn.from === "client") client.send(turn.octets);
        else received.push(await client.line());
      }
      assertLines(received, expected);
    } else {
      await client.sendInPieces(sentOctets(phase), repeat(way.pieces));
      const received: string[] = [];
      while (received.length < expected.length) received.push(await client.line());
      assertLines(received, expected);
    }
  }
  if (transcript.ending === "client cuts") {
    client.destroy();
    return;
  }
  if (transcript.ending === "client closes") client.end();
  assert.equal(await client.rest(), "", "nothing more is sent");
}

function sentOctets({ turns }: Phase): Buffer {
  return Buffer.concat(turns.flatMap((turn) => (turn.from === "client" ? [turn.octets] : [])));
}

function* repeat(length: number): Generator<number> {
  for (;;) yield length;
}

const KNOWN_SETTINGS = new Set([
  "listen.allow_plaintext_auth",
  "implementation",
  "limits.login_delay",
  "limits.login_failures",
  "limits.bad_commands",
  "language",
  "maildrop.deletion",
  "maildrop.expire",
  "maildrop.folders",
  "maildrop.mark_seen",
  "maildrop.non_ascii_headers",
]);

function rulesOf(transcript: Transcript): SessionRules {
  const { settings } = transcript;
  for (const key of settings.keys())
    assert.ok(KNOWN_SETTINGS.has(key), `the setting ${key} is not known here`);
  return {
    hostname: "mail.pillarbox.test",
    tls: false,
    stls: true,
    plaintextAuth: settings.get("listen.allow_plaintext_auth") !== '"never"',
    // As the daemon has it: all passwords are stored as they are, and nobody is asked about tokens.
    offer: { takesScram: true, takesTokens: false },
    loginFailuresMax: Number(settings.get("limits.login_failures") ?? 3),
    mistakes: { most: Number(settings.get("limits.bad_commands") ?? 20), delayMs: 0 },
    language: settings.get("language") === '"ja"' ? "ja" : "en",
    site: siteOf(transcript),
    implementation: textIn(settings.get("implementation")) ?? "pillarbox",
    nonAsciiHeaders: settings.get("maildrop.non_ascii_headers") === '"refuse"' ? "refuse" : "surrogate",
  };
}

/** What holds for all, and for the accounts that say otherwise. */
function siteOf({ settings, accounts }: Transcript): SitePolicy {
  const policy = {
    expireMs: parseExpire(textIn(settings.get("maildrop.expire")) ?? "never") ?? Number.NaN,
    loginDelaySeconds: parseLoginDelay(textIn(settings.get("limits.login_delay")) ?? "0s") ?? Number.NaN,
  };
  return sitePolicy(
    policy,
    [...accounts.values()].map((fields) => ({ extra: readExtraFields(fields) })),
  );
}

/** The text of a TOML string. */
function textIn(value: string | undefined): string | undefined {
  return value?.replace(/^"(.*)"$/, "$1");
}

function maildropOf({ settings, accounts }: Transcript): PureMaildrop {
  const folders = settings.get("maildrop.folders") ?? '[""]';
  return {
    extra: readExtraFields(accounts.get("alice") ?? ""),
    folders: [...folders.matchAll(/"([^"]*)"/g)].map(([, name = ""]) => name),
    deletion: settings.get("maildrop.deletion") === '"trash"' ? "trash" : "unlink",
  };
}

/** Cases about the time before TLS have no sense after it. */
function saysNoTls({ settings, phases }: Transcript): boolean {
  const announced = phases.some((phase) =>
    expectedLines(phase).some((line) => line === "STLS" || /^(SASL )?SCRAM-SHA-256\b/.test(line)),
  );
  return announced || settings.has("listen.allow_plaintext_auth");
}

function toml(settings: ReadonlyMap<string, string>): DaemonOptions {
  const keysOf = (table: string) =>
    [...settings].flatMap(([key, value]) =>
      key.startsWith(`${table}.`) ? [`${key.slice(table.length + 1)} = ${value}\n`] : [],
    );
  const limits = [
    "[limits]\n",
    'login_failure_delay = "0s"\nbad_command_delay = "0s"\n',
    ...keysOf("limits"),
  ];
  const top = [...settings].filter(([key]) => !key.includes("."));
  return {
    top: top.map(([key, value]) => `${key} = ${value}\n`).join(""),
    listen: keysOf("listen").join(""),
    tables: [...limits, "[maildrop]\n", ...keysOf("maildrop")].join(""),
  };
}

async function fill(site: Site, { messages }: Transcript): Promise<void> {
  const maildir = site.maildir("alice");
  await rm(maildir.path, { recursive: true, force: true });
  const durable = new FsyncDurable();
  await createMaildir(maildir, durable);
  for (const { within, folder, filename, octets } of messages) {
    const target = folderOf(maildir, within);
    await createMaildir(target, durable);
    await writeFile(pathOf(target[folder], filename), octets);
  }
}
