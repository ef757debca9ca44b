/**
 * Content-Type and Content-Disposition: `value; attribute=value; …` (RFC 2045 §5.1, RFC 2183). Pure. A parameter that is
 * not ASCII is written as RFC 2231 has it, in pieces where it is long; RFC 6858 §2.2 would leave it out, and the names
 * of attachments with it.
 *
 *   Content-Disposition: attachment; filename="Größe.pdf"
 *   Content-Disposition: attachment; filename*=utf-8''Gr%C3%B6%C3%9Fe.pdf
 */
import { putComment } from "./comment.js";
import { charactersOf, charsetOf, hex, needsEncoding } from "./encoded-word.js";
import { type FieldWriter, trimmed } from "./field-writer.js";
import { meaningOf, splitAt, type Token, textOf, tokensOf } from "./tokens.js";

/** RFC 2231 §7 attribute-char: none of tspecials, "*", "'" and "%". */
const SAFE = /[A-Za-z0-9!#$&+\-.^_`{|}~]/;
/** An attribute that has no "*" yet, which would say that its value is encoded already. */
const ATTRIBUTE = /^[A-Za-z0-9!#$%&'+\-.^_`{|}~]{1,60}$/;
/** So much of a value stands in one piece, however long the name of its attribute. */
const PIECE_OCTETS_MIN = 12;

/** False when the value itself is not ASCII. */
export function putMimeField(writer: FieldWriter, body: string): boolean {
  const [value = [], ...parameters] = splitAt(tokensOf(body), ";");
  if (needsEncoding(withoutComments(value))) return false;
  put(writer, value);
  for (const parameter of parameters) {
    const text = trimmed(textOf(parameter));
    if (needsEncoding(withoutComments(parameter))) putEncodedParameter(writer, text);
    else if (text !== "") {
      writer.add(";");
      put(writer, parameter);
    }
  }
  return true;
}

function put(writer: FieldWriter, tokens: readonly Token[]): void {
  let plain = "";
  for (const token of [...tokens, undefined]) {
    const isComment = token?.kind === "comment" && needsEncoding(token.text);
    if (token !== undefined && !isComment) {
      plain += token.text;
      continue;
    }
    if (trimmed(plain) !== "") writer.putText(` ${trimmed(plain)}`);
    plain = "";
    if (token !== undefined) putComment(writer, token);
  }
}

function withoutComments(tokens: readonly Token[]): string {
  return textOf(tokens.filter(({ kind }) => kind !== "comment"));
}

/** Leaves out a parameter whose attribute is none (RFC 6858 §2.2). */
function putEncodedParameter(writer: FieldWriter, text: string): void {
  const equals = text.indexOf("=");
  const attribute = trimmed(text.slice(0, Math.max(equals, 0)));
  if (!ATTRIBUTE.test(attribute)) return;
  const value = valueIn(trimmed(text.slice(equals + 1)));
  const charset = charsetOf(value);
  const characters = charactersOf(value, charset).map(percentEncoded);
  const pieces = piecesOf(characters, (n) => {
    const frame = `${attribute}*${n}*=${n === 0 ? `${charset}''` : ""}`;
    return Math.max(writer.roomInNewLine(" ") - frame.length, PIECE_OCTETS_MIN);
  });
  for (const [n, piece] of pieces.entries()) {
    const section = pieces.length === 1 ? "" : `*${n}`;
    writer.add(";");
    writer.put(" ", `${attribute}${section}*=${n === 0 ? `${charset}''` : ""}${piece}`);
  }
}

/** Quotes may be missing, though there is white space within, and they may be missing at the end. */
function valueIn(text: string): string {
  const [first, ...more] = tokensOf(text);
  const quoted = first?.kind === "quoted" && more.every(({ kind }) => kind === "space" || kind === "comment");
  return quoted ? meaningOf(first) : text;
}

/** Packs characters into pieces, each as long as there is room in the piece of its number. */
function piecesOf(characters: readonly string[], roomIn: (number: number) => number): string[] {
  const pieces: string[] = [];
  let piece = "";
  let room = roomIn(0);
  for (const character of characters) {
    if (piece !== "" && piece.length + character.length > room) {
      pieces.push(piece);
      piece = "";
      room = roomIn(pieces.length);
    }
    piece += character;
  }
  return [...pieces, piece];
}

function percentEncoded(character: string): string {
  return character.replace(/./gs, (octet) => (SAFE.test(octet) ? octet : `%${hex(octet)}`));
}
