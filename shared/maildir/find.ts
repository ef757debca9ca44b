/**
 * Opening a message that may have been renamed since it was seen.
 *
 * The name that we know is tried first. If it has gone, the message's identity is looked up in cur/, then in new/
 * (the way it travels), and again a few times, since it can be renamed once more between our readdir and our open.
 * Only then is it gone.
 */
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import type { Path } from "../durable.js";
import { hasCode } from "../exit.js";
import type { Folder, Maildir } from "./maildir.js";
import { parseName, pathOf } from "./name.js";
import { messagesIn } from "./scan.js";

/** Where a message was when last seen. */
export interface Whereabouts {
  readonly folder: Folder;
  readonly filename: string;
}

const LOOKUPS_MAX = 5;
/** What open(2) says of a symbolic link (EMLINK on FreeBSD), of a socket, and of a device without a driver. */
const CODES_OF_OTHER_THINGS = ["ELOOP", "EMLINK", "ENXIO", "ENODEV"];

/**
 * Does `action` with the message's path, finding it anew when it has been renamed.
 *
 * @param action something that rejects with ENOENT when there is no such file
 * @returns what `action` gave and where the message was found; undefined when it is gone. Rejects with what `action`
 *   rejects with, and with ENOENT when it is the Maildir that has gone: nobody can say then what became of its messages
 */
export async function withMessage<T>(
  maildir: Maildir,
  { folder, filename }: Whereabouts,
  action: (path: Path, found: Whereabouts) => Promise<T>,
): Promise<{ readonly result: T; readonly found: Whereabouts } | undefined> {
  const { identity } = parseName(filename);
  let found: Whereabouts | undefined = { folder, filename };
  for (let lookup = 0; found !== undefined; lookup++) {
    try {
      return { result: await action(pathOf(maildir[found.folder], found.filename), found), found };
    } catch (error) {
      if (!hasCode(error, "ENOENT")) throw error;
      if (lookup === LOOKUPS_MAX) return undefined;
    }
    found = await findByIdentity(maildir, identity);
  }
  return undefined;
}

/**
 * Opens a message for reading: never through a symbolic link, never waiting for a FIFO's writer. Rejects with ENOENT
 * when there is no such file, or something else under its name.
 */
export async function openMessage(path: Path): Promise<FileHandle> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  const handle = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch((error: unknown) => {
    throw hasCode(error, ...CODES_OF_OTHER_THINGS) ? noMessage() : error;
  });
  try {
    if (!(await handle.stat()).isFile()) throw noMessage();
  } catch (error) {
    await handle.close();
    throw error;
  }
  return handle;
}

function noMessage(): Error {
  return Object.assign(new Error("not a regular file"), { code: "ENOENT" });
}

async function findByIdentity(maildir: Maildir, identity: string): Promise<Whereabouts | undefined> {
  for (const folder of ["cur", "new", "cur"] as const) {
    for (const filename of await messagesIn(maildir[folder])) {
      if (parseName(filename).identity === identity) return { folder, filename };
    }
  }
  return undefined;
}
