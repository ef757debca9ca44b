/** Reading a file of a Maildir that is no message, and that somebody else may have put there. */
import { constants, type FileHandle, open } from "node:fs/promises";
import { hasCode } from "./exit.js";

/**
 * The octets of a file; undefined where there is none. Rejects when it cannot be read, and with ELOOP or ENOTSUP for what
 * is no file: no symbolic link is followed, and no FIFO waited for.
 */
export async function readWhole(path: string, octetsMax: number): Promise<Buffer | "too large" | undefined> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  let handle: FileHandle;
  try {
    handle = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
  try {
    const status = await handle.stat();
    if (!status.isFile()) throw Object.assign(new Error(`${path} is no file`), { code: "ENOTSUP" });
    if (status.size > octetsMax) return "too large";
    return await readUpTo(status.size, handle);
  } finally {
    await handle.close();
  }
}

/** No more than the size that was looked at, however fast the file grows. */
async function readUpTo(size: number, handle: FileHandle): Promise<Buffer> {
  const octets = Buffer.allocUnsafe(size);
  let length = 0;
  for (let read = -1; read !== 0 && length < size; length += read) {
    read = (await handle.read(octets, length, size - length, length)).bytesRead;
  }
  return octets.subarray(0, length);
}
