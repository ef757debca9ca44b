/** What fast-check makes for the tests of pop3d. */
import fc from "fast-check";

/** Octets of a message, mostly of those that matter: line ends, dots, CR, NUL, 8-bit. */
export const messageOctets: fc.Arbitrary<Buffer> = fc
  .array(
    fc.oneof(
      {
        weight: 9,
        arbitrary: fc.constantFrom("\n", "\r", ".", "\r\n", "\n.", "\n.\n", "\r\n.\r\n", "a", " "),
      },
      { weight: 1, arbitrary: fc.nat(255).map((octet) => String.fromCharCode(octet)) },
    ),
    { maxLength: 40 },
  )
  .map((parts) => Buffer.from(parts.join(""), "latin1"));

/** Cuts octets into pieces of the lengths that `lengths` gives, 0 among them. */
export function cutInto(octets: Buffer, lengths: Iterable<number>): Buffer[] {
  const pieces: Buffer[] = [];
  let start = 0;
  for (const length of lengths) {
    if (start >= octets.length) break;
    pieces.push(octets.subarray(start, start + length));
    start += length;
  }
  return pieces;
}
