/**
 * The sizes of a message that its name does not tell: counted by reading it, a piece at a time; where only those of its
 * header are unknown, no further than that.
 */
import type { Path } from "../shared/durable.js";
import { openMessage } from "../shared/maildir/find.js";
import { WireSize } from "../shared/maildir/wire-size.js";
import { Surrogate } from "./surrogate.js";

/** What is sent of a message, in octets: with CRLF line ends, without stuffing. */
export interface Sizes {
  /** In UTF-8 mode: the message as it is stored. */
  readonly octets: number;
  /** Elsewhere: its surrogate (surrogate.ts); undefined where the header is ASCII, and no surrogate is needed. */
  readonly surrogateOctets: number | undefined;
}

const PIECE_OCTETS = 64 * 1024;

/**
 * Reads what has to be read. Rejects with ENOENT when there is no message (openMessage).
 * @param octets the size of the message as it is stored, where it is known
 */
export async function measure(path: Path, octets: number | undefined): Promise<Sizes> {
  const handle = await openMessage(path);
  try {
    const surrogate = new Surrogate();
    const size = new WireSize();
    const buffer = Buffer.allocUnsafe(PIECE_OCTETS);
    while (octets === undefined || !surrogate.headerEnded) {
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) break;
      const piece = buffer.subarray(0, bytesRead);
      if (octets === undefined) size.add(piece);
      if (!surrogate.headerEnded) surrogate.convert(piece);
    }
    surrogate.end();
    return sizesOf(surrogate, octets ?? size.octets);
  } finally {
    await handle.close();
  }
}

/** @param octets of the message as it is stored, whose header section has been put through `surrogate` */
export function sizesOf(surrogate: Surrogate, octets: number): Sizes {
  return { octets, surrogateOctets: surrogate.same ? undefined : octets + surrogate.added };
}
