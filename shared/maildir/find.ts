/**
 * Opening messages that may have been renamed since they were seen.
 *
 * The name that we know is tried first. If it has gone, the whole Maildir is looked at anew, once for all of its
 * messages: who renames one (an IMAP server that moves new/ to cur/, say) mostly renames many. A message that is not
 * there then is gone; one that is may be renamed again before we open it, and is looked for a few times more.
 */
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import type { Path } from "../durable.js";
import { hasCode } from "../exit.js";
import type { Folder, Maildir } from "./maildir.js";
import { pathOf } from "./name.js";
import { scanMaildir } from "./scan.js";

/** Where a message was when last seen. */
export interface Whereabouts {
  readonly folder: Folder;
  readonly filename: string;
}

/** A message's identity (name.ts) and where it was seen; scanMaildir's entries are such. */
export interface Seen extends Whereabouts {
  readonly identity: string;
}

const LOOKUPS_MAX = 5;
/** What open(2) says of a symbolic link (EMLINK on FreeBSD), of a socket, and of a device without a driver. */
const CODES_OF_OTHER_THINGS = ["ELOOP", "EMLINK", "ENXIO", "ENODEV"];

/** Knows where the messages of a Maildir were when last seen, and finds those again that have moved. */
export class MessageFinder {
  readonly #maildir: Maildir;
  #places: ReadonlyMap<string, Whereabouts>;
  #looking: Promise<void> | undefined;

  /** @param messages as a scan found them; no others will be found */
  constructor(maildir: Maildir, messages: Iterable<Seen>) {
    this.#maildir = maildir;
    this.#places = new Map(Array.from(messages, (message) => [message.identity, message]));
  }

  /** Where a message was when last seen; undefined when it has gone. */
  lastSeen(identity: string): Whereabouts | undefined {
    return this.#places.get(identity);
  }

  /**
   * Does `action` with a message's path, finding it anew when it has been renamed.
   *
   * @param action something that rejects with ENOENT when there is no such file
   * @returns what `action` gave; undefined when the message is gone. Rejects with what `action` rejects with, and with
   *   ENOENT when it is the Maildir that has gone: nobody can say then what became of its messages
   */
  async with<T>(
    identity: string,
    action: (path: Path, place: Whereabouts) => Promise<T>,
  ): Promise<{ readonly result: T } | undefined> {
    for (let lookups = 0; ; lookups++) {
      const place = this.#places.get(identity);
      if (place === undefined) return undefined;
      try {
        return { result: await action(pathOf(this.#maildir[place.folder], place.filename), place) };
      } catch (error) {
        if (!hasCode(error, "ENOENT")) throw error;
        if (lookups === LOOKUPS_MAX) return undefined;
      }
      // Unless it is known better by now, because someone else has looked meanwhile.
      if (this.#places.get(identity) === place) await this.#look();
    }
  }

  /** Looks at the Maildir anew; who asks while that goes on waits for the same look. */
  #look(): Promise<void> {
    this.#looking ??= this.#lookNow().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #lookNow(): Promise<void> {
    const places = new Map<string, Whereabouts>();
    for (const message of await scanMaildir(this.#maildir)) {
      if (this.#places.has(message.identity)) places.set(message.identity, message);
    }
    this.#places = places;
  }
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
