/** Messages of all sorts, each with a token in its header and its last line. Lines end in LF. Pure. */
import type { Random } from "./random.js";

const LINES = [
  "",
  ".",
  "..",
  ".dot in front",
  "From here on",
  "Größe",
  "\tindented",
  "x".repeat(990),
  "text",
];

export function messageWith(token: string, random: Random): Buffer {
  const lines = Array.from({ length: random.below(40) }, () => random.pick(LINES) ?? "");
  const header = `From: sender@elsewhere.test\nSubject: ${token}\nMessage-ID: <${token}@stress.test>\nX-Token: ${token}\n`;
  return Buffer.from(`${header}\n${lines.map((line) => `${line}\n`).join("")}end of ${token}\n`);
}

/** The same as it goes over a wire. */
export function withCrlf(message: Buffer): Buffer {
  return Buffer.from(message.toString("latin1").replaceAll("\n", "\r\n"), "latin1");
}

/** The token in a message's header; undefined when it has none, or when its end is not that of the same message. */
export function tokenIn(message: Buffer): string | undefined {
  const text = message.toString("latin1");
  const [, token] = /^X-Token: (\w+)\r?$/m.exec(text) ?? [];
  return new RegExp(`^end of ${token}\r?\n$`, "m").test(text) ? token : undefined;
}
