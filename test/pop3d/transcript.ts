/**
 * Transcripts of POP3 dialogues, one case a file, in test/transcripts/pop3/:
 *
 *     # What the case shows, and where it is written.
 *     Setting: limits.login_failures = 2
 *     Account: alice userdb_pop3_expire=7d
 *     Message: 1.first:2,S
 *     |Subject: a message in cur/, since its name has flags
 *     |
 *     |its last line has no line end\
 *     Message: 2.second
 *     |in new/; as it is stored
 *     Message: .Spam/3.third
 *     |in new/ of the Maildir++ folder .Spam
 *
 *     S: +OK *
 *     C: USER alice
 *     S: +OK *
 *     …
 *     Left: cur/2.second:2,
 *
 * `S:` is a line that must come; a `*` at its end stands for whatever is said to people. `C:` is a line that is sent.
 * `\r`, `\0`, `\xHH` and `\\` are octets, `\(x*300)` is 300 times "x". `C: <TLS>` begins a TLS handshake, `C: <cuts>` cuts
 * the connection, `S: <closes>` says that the server does. `Left:` tells what lies in new/ and cur/ in the end.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export interface StoredMessage {
  /** The Maildir++ folder's directory; "" for the Maildir itself. */
  readonly within: string;
  readonly folder: "new" | "cur";
  readonly filename: string;
  readonly octets: Buffer;
}

/** What happens without a change of the connection: pipelined, it is sent at once. */
export interface Phase {
  /** Whether it begins with a TLS handshake. */
  readonly tls: boolean;
  readonly turns: readonly Turn[];
}

export type Turn =
  | { readonly from: "client"; readonly octets: Buffer }
  | { readonly from: "server"; readonly line: string };

export interface Transcript {
  readonly name: string;
  /** TOML values by key, `limits.login_failures`. */
  readonly settings: ReadonlyMap<string, string>;
  /** The extra fields of accounts by local-part; alice is there in any case. */
  readonly accounts: ReadonlyMap<string, string>;
  readonly messages: readonly StoredMessage[];
  readonly phases: readonly Phase[];
  readonly ending: "client closes" | "client cuts" | "server closes";
  /** `cur/filename` or `.Folder/cur/filename`, sorted; undefined when the case does not say. */
  readonly left: readonly string[] | undefined;
}

const DIRECTORY = fileURLToPath(new URL("../../../test/transcripts/pop3/", import.meta.url));

export function transcripts(): Transcript[] {
  return readdirSync(DIRECTORY)
    .sort()
    .map((file) =>
      parseTranscript(file.replace(/\.txt$/, ""), readFileSync(join(DIRECTORY, file), "latin1")),
    );
}

export function parseTranscript(name: string, text: string): Transcript {
  const settings = new Map<string, string>();
  const accounts = new Map([["alice", ""]]);
  const messages: (Omit<StoredMessage, "octets"> & { lines: string[] })[] = [];
  const phases: { tls: boolean; turns: Turn[] }[] = [{ tls: false, turns: [] }];
  let ending: Transcript["ending"] = "client closes";
  let left: string[] | undefined;
  for (const line of text.split("\n")) {
    const [, mark = "", rest = ""] =
      /^(#|Setting:|Account:|Message:|Left:|S:|C:|\|)(?: |(?<=\|))?(.*)$/.exec(line) ?? [];
    if (mark === "Setting:") settings.set(...pairOf(rest, " = "));
    else if (mark === "Account:") accounts.set(...pairOf(rest, " "));
    else if (mark === "Message:") messages.push({ ...placeOf(octetsIn(rest)), lines: [] });
    else if (mark === "|") messages.at(-1)?.lines.push(rest);
    else if (mark === "Left:") left = rest.split(" ").filter(Boolean).sort();
    else if (line === "C: <TLS>") phases.push({ tls: true, turns: [] });
    else if (line === "C: <cuts>") ending = "client cuts";
    else if (line === "S: <closes>") ending = "server closes";
    else if (mark === "C:")
      phases.at(-1)?.turns.push({ from: "client", octets: Buffer.from(`${octetsIn(rest)}\r\n`, "latin1") });
    else if (mark === "S:") phases.at(-1)?.turns.push({ from: "server", line: octetsIn(rest) });
    else assert.ok(mark === "#" || line === "", `${name}: what is "${line}"?`);
  }
  const stored = messages.map(({ lines, ...message }) => ({ ...message, octets: storedOctets(lines) }));
  return { name, settings, accounts, messages: stored, phases, ending, left };
}

function placeOf(path: string): Omit<StoredMessage, "octets"> {
  const [, within = "", filename = ""] = /^(?:(\.[^/]+)\/)?(.*)$/s.exec(path) ?? [];
  return { within, folder: filename.includes(":") ? "cur" : "new", filename };
}

function pairOf(text: string, between: string): [string, string] {
  const [key = "", ...rest] = text.split(between);
  return [key, rest.join(between)];
}

function storedOctets(lines: readonly string[]): Buffer {
  const text = lines
    .map((line) => (/(?<!\\)(\\\\)*\\$/.test(line) ? line.slice(0, -1) : `${line}\n`))
    .join("");
  return Buffer.from(octetsIn(text), "latin1");
}

function octetsIn(text: string): string {
  return text.replace(/\\(?:x([0-9a-f]{2})|\((.)\*(\d+)\)|([r0\\]))/g, (_, hex, octet, count, letter) => {
    if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
    if (octet !== undefined) return octet.repeat(Number(count));
    return { r: "\r", "0": "\0", "\\": "\\" }[String(letter)] ?? "";
  });
}

/** The lines that the server has to send in a phase. */
export function expectedLines({ turns }: Phase): string[] {
  return turns.flatMap((turn) => (turn.from === "server" ? [turn.line] : []));
}

/** Compares what came with what had to come, in the order of both. */
export function assertLines(received: readonly string[], expected: readonly string[]): void {
  const shown = received.map((line, i) => {
    const pattern = expected[i] ?? "";
    const matches = pattern.endsWith("*") && line.startsWith(pattern.slice(0, -1).trimEnd());
    return matches ? pattern : line;
  });
  assert.deepEqual(shown, expected);
}

/** `USER`, `PASS`, … in the words of the sample accounts: alice@pillarbox.test, password "correct horse". */
export function linesOf(octets: Buffer): string[] {
  const text = octets.toString("latin1");
  if (text === "") return [];
  assert.ok(text.endsWith("\r\n"), `not a whole line at the end of ${JSON.stringify(text.slice(-80))}`);
  return text.slice(0, -2).split("\r\n");
}
