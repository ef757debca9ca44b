/** Quoted-printable (RFC 2045 §6.7), for text that a 7-bit path must carry. Pure. */

const LF = 0x0a;
const SPACE = 0x20;
const TAB = 0x09;
const EQUALS = 0x3d;
/** RFC 2045 §6.7 (5): an encoded line has at most 76 characters, its soft line break included. */
const LINE_MAX = 76;
const SOFT_BREAK = "=\n";

/** Encodes octets whose lines end in LF; the result has LF line ends too, and a decoder gives the same octets back. */
export function quotedPrintable(octets: Buffer): Buffer {
  const lines: string[] = [];
  for (let start = 0; ; ) {
    const lf = octets.indexOf(LF, start);
    lines.push(encodeLine(octets.subarray(start, lf < 0 ? octets.length : lf)));
    if (lf < 0) return Buffer.from(lines.join("\n"), "latin1");
    start = lf + 1;
  }
}

function encodeLine(line: Buffer): string {
  let encoded = "";
  let width = 0;
  for (const [index, octet] of line.entries()) {
    const last = index === line.length - 1;
    const token = encodeOctet(octet, last);
    if (width + token.length > (last ? LINE_MAX : LINE_MAX - 1)) {
      encoded += SOFT_BREAK;
      width = 0;
    }
    encoded += token;
    width += token.length;
  }
  return encoded;
}

/** Itself when it is printable; white space too, unless it would end the line, where relays may strip it (rule 3). */
function encodeOctet(octet: number, last: boolean): string {
  const printable = octet > SPACE && octet < 0x7f && octet !== EQUALS;
  const space = (octet === SPACE || octet === TAB) && !last;
  if (printable || space) return String.fromCharCode(octet);
  return `=${octet.toString(16).toUpperCase().padStart(2, "0")}`;
}
