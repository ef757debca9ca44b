/**
 * Opening messages that may have been renamed since they were seen.
 *
 * The name that we know is tried first. If it has gone, a glance at both folders mostly shows the new one, and the new
 * names of all the others: who renames one (an IMAP server that moves new/ to cur/, say) mostly renames many. What a
 * glance does not show may have been moved from one folder to the other between two readings; so a message is gone only
 * when a scan that nothing has disturbed (scan.ts) says so. It may also be renamed once more before we get at it, and is
 * then looked for again, a few times.
 */
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import type { Path } from "../durable.js";
import { hasCode } from "../exit.js";
import type { Folder, Maildir } from "./maildir.js";
import { parseName, pathOf } from "./name.js";
import { messagesIn, scanMaildir } from "./scan.js";

/** Where a message was when last seen. */
export interface Whereabouts {
  readonly folder: Folder;
  readonly filename: string;
}

/** A message's identity (name.ts) and where it was seen; scanMaildir's entries are such. */
export interface Seen extends Whereabouts {
  readonly identity: string;
}

const LOOKUPS_MAX = 50;
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
   *   ENOENT when it is the Maildir that has gone, or when the message is there and cannot be got at: nobody can say then
   *   what became of it
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
        if (!hasCode(error, "ENOENT") || lookups === LOOKUPS_MAX) throw error;
      }
      // Unless it is known better by now, because someone else has looked meanwhile.
      if (this.#places.get(identity) !== place) continue;
      await this.#glance();
      if (this.#places.get(identity) === place) await this.#look();
    }
  }

  /** Learns the places of those messages that can be seen right now; the others are where they were, for all we know. */
  async #glance(): Promise<void> {
    const places = new Map(this.#places);
    for (const folder of ["new", "cur"] as const) {
      const filenames = await messagesIn(this.#maildir[folder]).catch(noneIfMissing);
      for (const filename of filenames) {
        const { identity } = parseName(filename, this.#maildir.infoSeparator);
        if (places.has(identity)) places.set(identity, { folder, filename });
      }
    }
    this.#places = places;
  }

  /** Scans the Maildir anew; who asks while that goes on waits for the same scan. */
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

function noneIfMissing(error: unknown): string[] {
  if (hasCode(error, "ENOENT")) return [];
  throw error;
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
