/** POP3 replies as data, and their one encoding. Pure. */

/** RFC 2449 §8 and RFC 3206: what a client can do something about. */
export type ResponseCode = "IN-USE" | "AUTH" | "SYS/TEMP" | "SYS/PERM";

export interface Reply {
  readonly status: "+OK" | "-ERR" | "+";
  readonly code?: ResponseCode;
  /** For people, and where the RFC says so for programs. Never begins with "[" (RFC 2449 §6.4). */
  readonly text: string;
  /** The further lines of a multi-line reply, without line ends and stuffing; US-ASCII. */
  readonly lines?: Iterable<string>;
}

export function ok(text: string, lines?: Iterable<string>): Reply {
  return lines === undefined ? { status: "+OK", text } : { status: "+OK", text, lines };
}

export function err(text: string, code?: ResponseCode): Reply {
  return code === undefined ? { status: "-ERR", text } : { status: "-ERR", code, text };
}

/** RFC 5034 §4: the server's side of a SASL exchange; ours is always empty. */
export const CHALLENGE: Reply = { status: "+", text: "" };

/** A long reply is encoded in pieces of about this size, so that a listing of any length costs no more. */
const PIECE_OCTETS = 32 * 1024;

/** The first line, as it is sent, without its CRLF. */
export function firstLine({ status, code, text }: Reply): string {
  return `${status} ${code === undefined ? "" : `[${code}] `}${text}`;
}

/** The octets of a reply, in pieces. */
export function* encode(reply: Reply): Generator<Buffer> {
  let piece = `${firstLine(reply)}\r\n`;
  if (reply.lines !== undefined) {
    for (const line of reply.lines) {
      piece += line.startsWith(".") ? `.${line}\r\n` : `${line}\r\n`;
      if (piece.length < PIECE_OCTETS) continue;
      yield Buffer.from(piece, "latin1");
      piece = "";
    }
    piece += ".\r\n";
  }
  yield Buffer.from(piece, "latin1");
}
