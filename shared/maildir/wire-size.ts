/**
 * The size of a message with CRLF line ends, for names that do not say it (`W=`): counted by reading, a piece at a time.
 *
 * It is what the message has on the wire: one octet more for each LF that no CR precedes.
 */
import type { Path } from "../durable.js";
import { openMessage } from "./find.js";

const LF = 0x0a;
const CR = 0x0d;
const PIECE_OCTETS = 64 * 1024;

/** Counts over any cut into pieces. Pure. */
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

/** Reads a message to its end. Rejects with ENOENT when there is none (openMessage). */
export async function measureWireSize(path: Path): Promise<number> {
  const handle = await openMessage(path);
  try {
    const size = new WireSize();
    const piece = Buffer.allocUnsafe(PIECE_OCTETS);
    for (;;) {
      const { bytesRead } = await handle.read(piece, 0, piece.length, null);
      if (bytesRead === 0) return size.octets;
      size.add(piece.subarray(0, bytesRead));
    }
  } finally {
    await handle.close();
  }
}
