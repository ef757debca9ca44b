/** The parts of a notice (RFC 2046 §5.1.1), and how each can travel. Pure. Octets with LF line ends. */
import { isAscii } from "node:buffer";
import { quotedPrintable } from "./quoted-printable.js";

const LF = 0x0a;
const CR = 0x0d;
const NUL = 0x00;
/** RFC 5321 §4.5.3.1.6: 1000 octets with CRLF. */
export const LINE_OCTETS_MAX = 998;

export interface BodyPart {
  readonly description: string;
  /** The value of Content-Type. */
  readonly type: string;
  readonly encoding: TransferEncoding;
  /** As it travels, in that encoding. */
  readonly content: Buffer;
}

/** RFC 2045 §6 */
export type TransferEncoding = "7bit" | "8bit" | "quoted-printable";

/** Whether octets can be sent as they are: `7bit` anywhere, `8bit` by 8BITMIME (RFC 6152), else they must be encoded. */
export function plainEncoding(octets: Buffer): "7bit" | "8bit" | undefined {
  if (octets.includes(NUL) || octets.includes(CR) || hasLongLine(octets)) return undefined;
  return isAscii(octets) ? "7bit" : "8bit";
}

function hasLongLine(octets: Buffer): boolean {
  for (let start = 0; start <= octets.length; ) {
    const lf = octets.indexOf(LF, start);
    const end = lf < 0 ? octets.length : lf;
    if (end - start > LINE_OCTETS_MAX) return true;
    start = end + 1;
  }
  return false;
}

/**
 * A part that may be encoded: as it is where it can be, else as quoted-printable.
 * @param eightBit whether it may be sent as 8bit
 */
export function encodablePart(
  description: string,
  type: string,
  octets: Buffer,
  eightBit: boolean,
): BodyPart {
  const plain = plainEncoding(octets);
  if (plain === "7bit" || (plain === "8bit" && eightBit))
    return { description, type, encoding: plain, content: octets };
  return { description, type, encoding: "quoted-printable", content: quotedPrintable(octets) };
}

/** The part as it stands between two delimiters. */
export function formatPart({ description, type, encoding, content }: BodyPart): Buffer {
  const header = [
    `Content-Description: ${description}`,
    `Content-Type: ${type}`,
    `Content-Transfer-Encoding: ${encoding}`,
  ];
  return Buffer.concat([Buffer.from(`${header.join("\n")}\n\n`), content]);
}
