/**
 * Reads of a queued message what a notice about it returns: its header section, or all of it; no more than fits in memory
 * well. Rejects with the system's error when it cannot be read.
 */
import { HeaderScan } from "../../../shared/maildir/header.js";
import type { JobMessage } from "../delivery.js";
import type { Original } from "./returned.js";

const KIB = 1024;
/** RFC 3461 §6.2 lets us return the header alone of what is longer. */
export const WHOLE_OCTETS_MAX = 256 * KIB;
/** A header section that is longer is cut. */
export const HEADER_OCTETS_MAX = 64 * KIB;

const LF = 0x0a;
const CR = 0x0d;

/** @param wanted how much of it is to be returned; of a message that is too long, the header */
export async function readOriginal(message: JobMessage, wanted: "header" | "whole"): Promise<Original> {
  const all = wanted === "whole" && message.size <= WHOLE_OCTETS_MAX;
  const { octets, headerOctets } = await readBeginning(message, all);
  const header = withoutBlankLine(octets.subarray(0, headerOctets));
  return {
    header: header.length <= HEADER_OCTETS_MAX ? header : cutAfterLine(header),
    whole: all && octets.length <= WHOLE_OCTETS_MAX ? octets : undefined,
  };
}

/** The octets up to where no more are needed, and how many of them are the header section and its blank line. */
async function readBeginning(message: JobMessage, all: boolean) {
  const scan = new HeaderScan();
  const pieces: Buffer[] = [];
  let length = 0;
  let headerOctets = 0;
  // Ending the loop early ends the stream.
  for await (const piece of await message.open()) {
    if (!Buffer.isBuffer(piece)) throw new TypeError("a message is read as octets");
    pieces.push(piece);
    length += piece.length;
    headerOctets += scan.take(piece);
    const headerRead = scan.ended || length > HEADER_OCTETS_MAX;
    if (headerRead && (!all || length > WHOLE_OCTETS_MAX)) break;
  }
  return { octets: Buffer.concat(pieces, length), headerOctets };
}

function withoutBlankLine(section: Buffer): Buffer {
  let end = section.length;
  if (section[end - 1] !== LF) return section;
  if (section[end - 2] === CR) end--;
  const blank = end === 1 || section[end - 2] === LF;
  return blank ? section.subarray(0, end - 1) : section;
}

function cutAfterLine(header: Buffer): Buffer {
  const end = header.lastIndexOf(LF, HEADER_OCTETS_MAX - 1);
  return header.subarray(0, end < 0 ? HEADER_OCTETS_MAX : end + 1);
}
