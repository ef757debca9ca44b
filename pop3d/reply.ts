/**
 * POP3 replies as data, without a language, and their one encoding, in the language of the session. Pure.
 *
 * What programs read (sizes, unique-ids, response codes, listings, challenges) is the same in every language; what is
 * for people is a text of the catalogue (language/texts.ts).
 */
import { english } from "./language/english.js";
import { type Language, textIn } from "./language/language.js";
import type { Text } from "./language/texts.js";

/** RFC 2449 §8, RFC 3206 and RFC 6856 §5: what a client can do something about. */
export type ResponseCode = "IN-USE" | "LOGIN-DELAY" | "AUTH" | "SYS/TEMP" | "SYS/PERM" | "UTF8";

export interface Reply {
  readonly status: "+OK" | "-ERR" | "+";
  readonly code?: ResponseCode;
  /** For programs; US-ASCII, and the same in every language. Does not begin with "[" (RFC 2449 §6.4). */
  readonly data?: string;
  /** For people; after the data, if there are any. */
  readonly text?: Text;
  /** The further lines of a multi-line reply, without line ends and stuffing; the same in every language. */
  readonly lines?: Iterable<string>;
}

export function ok(text: Text, lines?: Iterable<string>): Reply {
  return lines === undefined ? { status: "+OK", text } : { status: "+OK", text, lines };
}

/** A success that says something to programs. */
export function okData(data: string): Reply {
  return { status: "+OK", data };
}

export function err(text: Text, code?: ResponseCode): Reply {
  return code === undefined ? { status: "-ERR", text } : { status: "-ERR", code, text };
}

/** RFC 5034 §4: the server's side of a SASL exchange, base64. */
export function challenge(text: string): Reply {
  return { status: "+", data: text };
}

/** A long reply is encoded in pieces of about this size, so that a listing of any length costs no more. */
const PIECE_OCTETS = 32 * 1024;

/** The first line, as it is sent, without its CRLF. */
export function firstLine({ status, code, data, text }: Reply, language: Language): string {
  const parts = [status, code && `[${code}]`, data, text && textIn(language, text)];
  return parts.filter((part) => part !== undefined).join(" ");
}

/** The octets of a reply, in pieces: US-ASCII in English, UTF-8 in other languages (RFC 6856 §3.2). */
export function* encode(reply: Reply, language: Language = english): Generator<Buffer> {
  let piece = `${firstLine(reply, language)}\r\n`;
  if (reply.lines !== undefined) {
    for (const line of reply.lines) {
      piece += line.startsWith(".") ? `.${line}\r\n` : `${line}\r\n`;
      if (piece.length < PIECE_OCTETS) continue;
      yield Buffer.from(piece);
      piece = "";
    }
    piece += ".\r\n";
  }
  yield Buffer.from(piece);
}
