/**
 * The surrogate of a message for a client that reads only ASCII in headers (RFC 6856 §2.1, RFC 6858): its header
 * section is written in ASCII, its body is the same. Pure, piece by piece, whatever the cuts, in constant memory.
 *
 * Each field that is ASCII already stays as it is, octet for octet; so does a message whose whole header section is.
 * The others are written anew (surrogate/field.ts), which takes time, during which nobody else is served; so there is a
 * bound to that. Beyond it (in a field longer than anybody's, in those after others that were long together, and at the end
 * of a header that is longer than anybody's) each octet that is not ASCII becomes "?".
 *
 * Signatures over a header that had to be written anew (DKIM, S/MIME, OpenPGP) no longer fit it.
 */
import { isAscii } from "node:buffer";
import { HeaderScan } from "../shared/maildir/header.js";
import { wireSizeOf } from "../shared/maildir/wire-size.js";
import { fieldInAscii } from "./surrogate/field.js";

/** Of the fields of a message that are written anew, together: more than five hundred addresses. */
const REWRITTEN_OCTETS_MAX = 32 * 1024;
/** Where a field begins behind so much header, no more fields are told from each other. */
const HEADER_OCTETS_MAX = 256 * 1024;

const LF = 0x0a;
const SPACE = 0x20;
const TAB = 0x09;
const QUESTION_MARK = 0x3f;

export class Surrogate {
  readonly #scan = new HeaderScan();
  /** The beginning of a field whose end has not come. */
  #held: Buffer[] = [];
  #heldOctets = 0;
  /** Whether the field is too long to be held, and sent as it comes. */
  #overlong = false;
  /** Whether all that is left of the header is. */
  #beyond = false;
  #headerOctets = 0;
  #rewritable = REWRITTEN_OCTETS_MAX;
  #atLineStart = true;
  #added = 0;

  /** Whether the header section is over, and all that follows the same in both. */
  get headerEnded(): boolean {
    return this.#scan.ended;
  }

  /** Whether the header section so far is ASCII, so that the surrogate is the message itself. */
  get same(): boolean {
    return this.#scan.ascii;
  }

  /** How many octets more than the message the surrogate has, both with CRLF line ends; negative for less. */
  get added(): number {
    return this.#added;
  }

  /** What stands for the next piece. It may be a part of the piece. */
  convert(piece: Buffer): Buffer {
    if (this.#scan.ended) return piece;
    const header = this.#scan.take(piece);
    // Most messages: a header section that is ASCII, and shorter than a piece.
    if (this.#scan.ended && this.#scan.ascii && this.#heldOctets === 0) return piece;
    const sent: Buffer[] = [];
    for (let start = 0; start < header; ) {
      if (this.#beyond) {
        sent.push(questioned(piece.subarray(start, header)));
        break;
      }
      const lf = piece.indexOf(LF, start);
      const end = lf < 0 || lf >= header ? header : lf + 1;
      this.#line(piece.subarray(start, end), sent);
      start = end;
    }
    if (this.#scan.ended) {
      this.#endField(sent);
      sent.push(piece.subarray(header));
    }
    return Buffer.concat(sent);
  }

  /** What is left when the message ends within its header section. */
  end(): Buffer {
    const sent: Buffer[] = [];
    this.#endField(sent);
    return Buffer.concat(sent);
  }

  /** A line of the header section, or a part of one. */
  #line(part: Buffer, sent: Buffer[]): void {
    if (this.#atLineStart && part[0] !== SPACE && part[0] !== TAB) {
      this.#endField(sent);
      this.#beyond = this.#headerOctets >= HEADER_OCTETS_MAX;
    }
    this.#headerOctets += part.length;
    this.#atLineStart = part.at(-1) === LF;
    if (this.#overlong || this.#beyond) {
      sent.push(questioned(part));
      return;
    }
    // The piece may be filled anew before the field is complete.
    this.#held.push(Buffer.from(part));
    this.#heldOctets += part.length;
    if (this.#heldOctets <= REWRITTEN_OCTETS_MAX) return;
    this.#overlong = true;
    for (const held of this.#takeHeld()) sent.push(questioned(held));
  }

  #endField(sent: Buffer[]): void {
    this.#overlong = false;
    const field = Buffer.concat(this.#takeHeld());
    if (isAscii(field)) {
      sent.push(field);
      return;
    }
    if (field.length > this.#rewritable) {
      sent.push(questioned(field));
      return;
    }
    this.#rewritable -= field.length;
    const written = Buffer.from(fieldInAscii(field.toString("latin1")), "latin1");
    this.#added += wireSizeOf(written) - wireSizeOf(field);
    sent.push(written);
  }

  #takeHeld(): Buffer[] {
    const held = this.#held;
    this.#held = [];
    this.#heldOctets = 0;
    return held;
  }
}

/** The same octets with "?" for each that is not ASCII. */
function questioned(octets: Buffer): Buffer {
  return Buffer.from(octets.map((octet) => (octet < 0x80 ? octet : QUESTION_MARK)));
}
