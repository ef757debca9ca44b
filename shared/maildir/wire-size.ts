/**
 * The size that a message has on the wire, with CRLF line ends: one octet more for each LF that no CR precedes. Pure.
 */

const LF = 0x0a;
const CR = 0x0d;

/** Counts over any cut into pieces. */
export class WireSize {
  #octets = 0;
  #last = 0;

  get octets(): number {
    return this.#octets;
  }

  add(piece: Uint8Array): void {
    this.#octets += piece.length;
    for (let at = piece.indexOf(LF); at >= 0; at = piece.indexOf(LF, at + 1)) {
      if ((at > 0 ? piece[at - 1] : this.#last) !== CR) this.#octets++;
    }
    this.#last = piece.at(-1) ?? this.#last;
  }
}

/** The same for octets that begin a message or a line, and are whole. */
export function wireSizeOf(octets: Uint8Array): number {
  const size = new WireSize();
  size.add(octets);
  return size.octets;
}
