/** Reading a small file of a Maildir, which somebody else may have put there. */
import { constants, type FileHandle, open } from "node:fs/promises";
import { hasCode } from "../shared/exit.js";

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
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}
