/**
 * Transcripts: dialogues in files, one case each (test/transcripts/smtp/). Reading and playing them.
 *
 *   # what this is about
 *   role: submission           options of the listener, before the first empty line: role, errors
 *
 *   S: 250-                    a line that the server sends begins like this; "S: 250 2.1.0" leaves the wording open
 *   C: EHLO client.example     a line that the client sends; lines without an S: between them go out together
 *   C= "a\nb\r\n"              octets that it sends, as a JSON string; U+0000 to U+00FF stand for octets
 *   M= "Subject: x\n\n"        by now a message with exactly these octets has been taken, none before it left untold
 *   X:                         the server closes
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ROLES, type Role } from "../../../smtpd/config.js";

const DIRECTORY = fileURLToPath(new URL("../../../../test/transcripts/smtp/", import.meta.url));

export interface Transcript {
  readonly name: string;
  readonly role: Role;
  readonly errors: number | undefined;
  readonly steps: readonly TranscriptStep[];
}

export type TranscriptStep =
  | { readonly kind: "client"; readonly octets: Buffer }
  | { readonly kind: "server"; readonly beginning: string; readonly line: number }
  | { readonly kind: "message"; readonly octets: Buffer }
  | { readonly kind: "closed" };

/** Somebody who speaks SMTP to us. */
export interface Counterpart {
  send(octets: Buffer): Promise<void>;
  /** The next line that it sends. */
  line(): Promise<string>;
  untilClosed(): Promise<unknown>;
  /** The messages that it has taken. */
  messages(): readonly Buffer[];
}

export function readTranscripts(): Transcript[] {
  const files = readdirSync(DIRECTORY).filter((file) => file.endsWith(".txt"));
  return files.sort().map((file) => parse(file, readFileSync(`${DIRECTORY}${file}`, "utf8")));
}

function parse(name: string, text: string): Transcript {
  const lines = text.split("\n");
  const blank = lines.indexOf("");
  const options = new Map(
    lines.slice(0, blank).flatMap((line): [string, string][] => {
      const [, key, value] = /^(\w+): (.+)$/.exec(line) ?? [];
      return key === undefined || value === undefined ? [] : [[key, value]];
    }),
  );
  const errors = options.get("errors");
  return {
    name: name.replace(".txt", ""),
    role: ROLES.find((role) => role === options.get("role")) ?? "mx",
    errors: errors === undefined ? undefined : Number(errors),
    steps: joined(lines.map((line, i) => (i < blank ? undefined : parseStep(name, line, i + 1)))),
  };
}

function parseStep(name: string, line: string, number: number): TranscriptStep | undefined {
  const [, mark, rest = ""] = /^(S:|C:|C=|M=|X:) ?(.*)$/.exec(line) ?? [];
  switch (mark) {
    case "S:":
      return { kind: "server", beginning: rest, line: number };
    case "C:":
      return { kind: "client", octets: Buffer.from(`${rest}\r\n`) };
    case "C=":
      return { kind: "client", octets: Buffer.from(String(JSON.parse(rest)), "latin1") };
    case "M=":
      return { kind: "message", octets: Buffer.from(String(JSON.parse(rest)), "latin1") };
    case "X:":
      return { kind: "closed" };
    default:
      assert.match(line, /^(#.*)?$/, `${name}:${number}`);
      return undefined;
  }
}

/** Joins what the client sends together. */
function joined(steps: readonly (TranscriptStep | undefined)[]): TranscriptStep[] {
  const result: TranscriptStep[] = [];
  for (const step of steps) {
    const last = result.at(-1);
    if (step?.kind === "client" && last?.kind === "client") {
      result[result.length - 1] = { kind: "client", octets: Buffer.concat([last.octets, step.octets]) };
    } else if (step !== undefined) result.push(step);
  }
  return result;
}

/** Plays the client's part and checks the server's. */
export async function play({ name, steps }: Transcript, counterpart: Counterpart): Promise<void> {
  let seen = 0;
  for (const step of steps) {
    switch (step.kind) {
      case "client":
        await counterpart.send(step.octets);
        break;
      case "server": {
        const line = await counterpart.line();
        assert.equal(line.slice(0, step.beginning.length), step.beginning, `${name}:${step.line}: ${line}`);
        break;
      }
      case "message":
        assert.deepEqual(
          counterpart.messages()[seen++]?.toString("latin1"),
          step.octets.toString("latin1"),
          name,
        );
        break;
      case "closed":
        await counterpart.untilClosed();
        break;
    }
  }
  assert.equal(counterpart.messages().length, seen, `${name}: messages that the transcript does not tell of`);
}
