/**
 * The fields of the returned message that a notice speaks of: its Subject, so that people know which message it is, and
 * its Message-ID, so that programs show the notice beside it. Pure.
 */
import { decodeText } from "../../../shared/text.js";
import { safeText } from "./safe-text.js";

const LF = 0x0a;
const COLON = 0x3a;
/** A field that is longer is not looked at. */
const FIELD_OCTETS_MAX = 4096;
const SUBJECT_OCTETS_MAX = 200;
/** RFC 5322 §2.1.1 lets a line have 998, of which the name of the field takes some. */
const MESSAGE_ID_OCTETS_MAX = 512;
/** RFC 5322 §3.6.4 msg-id, as loosely as no other field suffers by it. */
const MESSAGE_ID = /^<[\x21-\x3b\x3d\x3f-\x7e]+>$/;
/** RFC 2047 §2 */
const ENCODED_WORD = /=\?([\w-]{1,40})(?:\*[\w-]{0,40})?\?([bq])\?([\x21-\x3e\x40-\x7e]*)\?=/gi;

/** The Subject of a header section as text for people, its encoded-words read; undefined where there is none. */
export function subjectOf(header: Buffer): string | undefined {
  const value = fieldValue(header, "subject");
  if (value === undefined) return undefined;
  return safeText(decodeWords(value), SUBJECT_OCTETS_MAX) || undefined;
}

/** The Message-ID of a header section, `<…>`; undefined where there is none that can be repeated. */
export function messageIdOf(header: Buffer): string | undefined {
  const id = fieldValue(header, "message-id")?.trim();
  return id !== undefined && id.length <= MESSAGE_ID_OCTETS_MAX && MESSAGE_ID.test(id) ? id : undefined;
}

/** The unfolded value of the first field of that name (lower case). */
function fieldValue(header: Buffer, name: string): string | undefined {
  for (let start = 0; start < header.length; ) {
    const end = endOfField(header, start);
    if (isNamed(header, start, name)) {
      const octets = header.subarray(start + name.length, Math.min(end, start + FIELD_OCTETS_MAX));
      const text = decodeText(octets) ?? octets.toString("latin1");
      return text.slice(text.indexOf(":") + 1).replace(/\n/g, "");
    }
    start = end + 1;
  }
  return undefined;
}

/** The line feed before the next line that does not continue this field. */
function endOfField(header: Buffer, start: number): number {
  let end = header.indexOf(LF, start);
  while (end >= 0 && (header[end + 1] === 0x20 || header[end + 1] === 0x09))
    end = header.indexOf(LF, end + 1);
  return end < 0 ? header.length : end;
}

function isNamed(header: Buffer, start: number, name: string): boolean {
  if (header.toString("latin1", start, start + name.length).toLowerCase() !== name) return false;
  let at = start + name.length;
  while (header[at] === 0x20 || header[at] === 0x09) at++;
  return header[at] === COLON;
}

/** RFC 2047 §6.2: white space between encoded-words is no part of the text. */
function decodeWords(value: string): string {
  return value
    .replace(/(\?=)\s+(?==\?[\w-]+(?:\*[\w-]*)?\?[bq]\?)/gi, "$1")
    .replace(ENCODED_WORD, (word: string, charset: string, encoding: string, text: string) => {
      const octets =
        encoding.toLowerCase() === "b"
          ? Buffer.from(text, "base64")
          : Buffer.from(text.replaceAll("_", " ").replace(/=([0-9A-F]{2})/gi, fromHex), "latin1");
      return decoderOf(charset)?.decode(octets) ?? word;
    });
}

function fromHex(_: string, digits: string): string {
  return String.fromCharCode(Number.parseInt(digits, 16));
}

/** Undefined for a charset that nobody knows. */
function decoderOf(charset: string): { decode(octets: Buffer): string } | undefined {
  try {
    return new TextDecoder(charset);
  } catch {
    return undefined;
  }
}
