/**
 * Reading a small file of the queue without leaving this turn of the event loop. It was mostly written a moment ago and lies
 * in the system's memory: then this costs a third of a read by the thread pool, which counts where thousands a second are
 * read. The price is that a slow disk holds up the sessions for the time of one small read.
 *
 * Anybody who may place mail in the queue may have put the file there: no symbolic link is followed, no FIFO waited for, and
 * nothing large read.
 */
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import type { Path } from "../../shared/durable.js";
import { hasCode } from "../../shared/exit.js";

export type ReadNow =
  | { readonly kind: "octets"; readonly octets: Buffer; readonly owner: number }
  | { readonly kind: "gone" }
  /** Something else than a regular file of such a size; what, for the log. */
  | { readonly kind: "strange"; readonly reason: string };

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
/** What open(2) says of a symbolic link (EMLINK on FreeBSD), of a socket, and of a device without a driver. */
const CODES_OF_OTHER_THINGS = ["ELOOP", "EMLINK", "ENXIO", "ENODEV"];

/** Throws the system's error when it cannot be read now. */
export function readNow(path: Path, octetsMax: number): ReadNow {
  let file: number;
  try {
    file = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return { kind: "gone" };
    if (hasCode(error, ...CODES_OF_OTHER_THINGS)) return { kind: "strange", reason: "no regular file" };
    throw error;
  }
  try {
    const status = fstatSync(file);
    if (!status.isFile()) return { kind: "strange", reason: "no regular file" };
    if (status.size > octetsMax) return { kind: "strange", reason: `${status.size} octets are too many` };
    const octets = Buffer.allocUnsafe(status.size);
    let length = 0;
    for (let read = -1; read !== 0 && length < octets.length; length += read)
      read = readSync(file, octets, length, octets.length - length, length);
    return { kind: "octets", octets: octets.subarray(0, length), owner: status.uid };
  } finally {
    closeSync(file);
  }
}
