/**
 * Encoded-words (RFC 2047): text that is not ASCII, in ASCII. Pure; text is latin1, a character per octet of the message.
 *
 * What is UTF-8 is said to be; what is not is of a charset that nobody has named, and is called `unknown-8bit`
 * (RFC 1428 §3), so that no program takes it for what it is not.
 */
import { isUtf8 } from "node:buffer";
import type { FieldWriter, Word } from "./field-writer.js";

/** RFC 2047 §2. */
const WORD_OCTETS_MAX = 75;
/** With less room than this in a line, a word goes to the next. */
const ROOM_MIN = 30;
/** RFC 2047 §5 (3): what may stand for itself in a phrase may do so in a comment and in text. */
const SAFE = /[A-Za-z0-9!*+\-/]/;
const ENCODED_WORD = /^=\?[^?\s]+\?[bq]\?[^?\s]*\?=$/i;

/** The charset that octets are in, for all that can be known. */
export function charsetOf(octets: string): "utf-8" | "unknown-8bit" {
  return isUtf8(Buffer.from(octets, "latin1")) ? "utf-8" : "unknown-8bit";
}

/** The characters of octets in that charset, each by itself. */
export function charactersOf(octets: string, charset: string): string[] {
  return octets.match(charset === "utf-8" ? /[\x00-\x7f]|[\xc0-\xff][\x80-\xbf]*/g : /./gs) ?? [];
}

/** Whether a word cannot be sent as it is; control characters are not, where a field is written anew. */
export function needsEncoding(word: string): boolean {
  return /[^\x20-\x7e\t]/.test(word);
}

export interface Framed {
  /** What stands before the first encoded-word, and after the last: the parentheses of a comment. */
  readonly before?: string;
  readonly after?: string;
}

/** Writes text as encoded-words, as many as it takes: RFC 2047 §5 has none of them hold half a character. */
export function putEncoded(
  writer: FieldWriter,
  space: string,
  text: string,
  { before = "", after = "" }: Framed = {},
): void {
  const charset = charsetOf(text);
  const characters = charactersOf(text, charset);
  const encoding = encodingOf(text);
  const frame = `=?${charset}?${encoding}?`;
  const roomIn = (line: number) => Math.min(line, WORD_OCTETS_MAX) - frame.length - "?=".length;
  let [gap, opening] = [space, before];
  for (let at = 0; at < characters.length; ) {
    const taken = opening.length + after.length;
    const newLine = writer.room(gap) - taken < ROOM_MIN && gap !== "";
    const line = newLine ? writer.roomInNewLine(gap) : writer.room(gap);
    const room = roomIn(Math.max(line - taken, ROOM_MIN));
    const end = endOfWord(characters, at, encoding, room);
    const word = frame + encode(characters.slice(at, end).join(""), encoding);
    at = end;
    writer.put(gap, `${opening}${word}?=${at === characters.length ? after : ""}`, newLine);
    [gap, opening] = [" ", ""];
  }
}

type Encoding = "Q" | "B";

/** Q, which people can read, where it does not take half as much again as B. */
function encodingOf(text: string): Encoding {
  let octets = 0;
  for (const octet of text) octets += costInQ(octet);
  return octets <= 1.5 * lengthInB(text.length) ? "Q" : "B";
}

function costInQ(octet: string): number {
  return octet === " " || SAFE.test(octet) ? 1 : 3;
}

function lengthInB(octets: number): number {
  return Math.ceil(octets / 3) * 4;
}

/** How far the characters from `start` on fit into so much room; one at least. */
function endOfWord(characters: readonly string[], start: number, encoding: Encoding, room: number): number {
  let used = 0;
  for (let end = start; end < characters.length; end++) {
    const character = characters[end] ?? "";
    if (encoding === "B") used += character.length;
    else for (const octet of character) used += costInQ(octet);
    const length = encoding === "B" ? lengthInB(used) : used;
    if (length > room) return Math.max(end, start + 1);
  }
  return characters.length;
}

function encode(text: string, encoding: Encoding): string {
  if (encoding === "B") return Buffer.from(text, "latin1").toString("base64");
  return text.replace(/./gs, (octet) => {
    if (octet === " ") return "_";
    return SAFE.test(octet) ? octet : `=${hex(octet)}`;
  });
}

/** Two digits. */
export function hex(octet: string): string {
  return octet.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0");
}

/**
 * Writes words. Those that cannot be sent as they are become encoded-words, and so does the space between two of them,
 * since readers take out the white space between encoded-words (RFC 2047 §6.2).
 */
export function putWords(writer: FieldWriter, words: readonly Word[]): void {
  for (let at = 0; at < words.length; ) {
    const word = words[at] ?? { space: "", text: "" };
    if (!needsEncoding(word.text)) {
      writer.put(word.space, word.text);
      at++;
      continue;
    }
    const neighbour = at > 0 && isEncodedWord(words[at - 1]);
    let run = (neighbour ? " " : "") + (word.meaning ?? word.text);
    let next = words[++at];
    for (; next !== undefined && needsEncoding(next.text); next = words[++at]) {
      run += next.space + (next.meaning ?? next.text);
    }
    putEncoded(writer, word.space, isEncodedWord(next) ? `${run} ` : run);
  }
}

function isEncodedWord(word: Word | undefined): boolean {
  return word !== undefined && ENCODED_WORD.test(word.text);
}
