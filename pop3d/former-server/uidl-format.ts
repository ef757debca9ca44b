/**
 * Dovecot's pop3_uidl_format: how it makes a unique-id of what it knows of a message. Pure.
 *
 *     variable = "%" [ "0" width / [ [offset] "." ] width ] *( "X" / "L" / "U" ) ( "u" / "v" / "f" / "g" )
 *
 *     %u   the message's UID                  %f   the base name of its file
 *     %v   the mailbox's UIDVALIDITY          %g   its GUID: the base name, unless Dovecot has stored another
 *     X    in hexadecimal, lower case         0n   with zeros in front, n characters at least
 *     L U  in lower, in upper case            o.n  n characters at most, from the o-th on
 *
 * `%%` is a percent sign. What else Dovecot can do with a variable (hash it, turn it round) nobody is known to use, and %m,
 * the hash of a header, its Maildirs do not have: such formats are refused.
 */

/** What Dovecot knows of a message. */
export interface UidlValues {
  readonly uid: number;
  readonly uidValidity: number;
  readonly baseName: string;
  readonly guid: string;
}

/** Makes a unique-id, as Dovecot does. */
export type UidlFormat = (values: UidlValues) => string;

type Piece = (values: UidlValues) => string;

const PIECE = /%%|%(?:0(\d{1,3})|(?:(\d{0,3})\.)?(\d{1,3}))?([XLU]*)([uvfg])|[^%]+/y;

/** Undefined for what is not understood, and for a format by which all messages have one unique-id. */
export function parseUidlFormat(text: string): UidlFormat | undefined {
  const pieces: Piece[] = [];
  let distinguishes = false;
  for (let at = 0; at < text.length; at = PIECE.lastIndex) {
    PIECE.lastIndex = at;
    const match = PIECE.exec(text);
    if (match === null) return undefined;
    const [whole, padding, offset, width, modifiers = "", variable] = match;
    if (variable === undefined) {
      const literal = whole === "%%" ? "%" : whole;
      pieces.push(() => literal);
      continue;
    }
    // What Dovecot makes of a name in hexadecimal is 0.
    if (modifiers.includes("X") && "fg".includes(variable)) return undefined;
    distinguishes ||= variable !== "v";
    const cut =
      padding === undefined ? cutTo(Number(offset ?? 0), Number(width ?? 0)) : padTo(Number(padding));
    pieces.push((values) => cut(modified(variableOf(variable, values), modifiers)));
  }
  return distinguishes ? (values) => pieces.map((piece) => piece(values)).join("") : undefined;
}

function variableOf(variable: string, { uid, uidValidity, baseName, guid }: UidlValues): string {
  if (variable === "u") return String(uid);
  if (variable === "v") return String(uidValidity);
  return variable === "f" ? baseName : guid;
}

/** One after the other, as they stand: `XU` is hexadecimal in upper case, `UX` in lower. */
function modified(value: string, modifiers: string): string {
  let result = value;
  for (const modifier of modifiers) {
    if (modifier === "X") result = Number(result).toString(16);
    else result = result.replace(/[a-z]+/gi, (letters) => cased(letters, modifier));
  }
  return result;
}

/** ASCII letters alone: a name is octets, not text. */
function cased(letters: string, modifier: string): string {
  return modifier === "L" ? letters.toLowerCase() : letters.toUpperCase();
}

function padTo(width: number): (value: string) => string {
  return (value) => value.padStart(width, "0");
}

/** A width of 0 is none. */
function cutTo(offset: number, width: number): (value: string) => string {
  return (value) => value.slice(offset, width === 0 ? undefined : offset + width);
}
