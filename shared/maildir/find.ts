/**
 * Opening messages that may have been renamed since they were seen.
 *
 * The name that we know is tried first. If it has gone, a glance at both folders mostly shows the new one, and the new
 * names of all the others: who renames one (an IMAP server that moves new/ to cur/, say) mostly renames many. What a
 * glance does not show may have been moved from one folder to the other between two readings; so a message is gone only
 * when a scan that nothing has disturbed (scan.ts) says so. It may also be renamed once more before we get at it, and is
 * then looked for again, a few times.
 *
 * A program may even change the base name: Dovecot takes the sizes out of a name when they are found wrong, and mbsync's
 * `U=` with them. What bears the unique part of a message that is seen nowhere else, and does not contradict its sizes, is
 * that message.
 */
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import type { Path } from "../durable.js";
import { hasCode } from "../exit.js";
import type { Folder, Maildir } from "./maildir.js";
import { type MessageName, parseName, pathOf } from "./name.js";
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

/** By identity. */
type Places = ReadonlyMap<string, Whereabouts>;

/** A renamer that does nothing else wins most of the races for the last few messages; a user should not have to try again. */
const LOOKUPS_MAX = 200;
/** What open(2) says of a symbolic link (EMLINK on FreeBSD), of a socket, and of a device without a driver. */
const CODES_OF_OTHER_THINGS = ["ELOOP", "EMLINK", "ENXIO", "ENODEV"];

/** Knows where the messages of a Maildir were when last seen, and finds those again that have moved. */
export class MessageFinder {
  readonly #maildir: Maildir;
  /** The identities of the messages by their unique parts, where no two share one; made when first needed. */
  #identities: ReadonlyMap<string, string> | undefined;
  #places: Places;
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
    const seen: Seen[] = [];
    for (const folder of ["new", "cur"] as const) {
      for (const filename of await messagesIn(this.#maildir[folder]))
        seen.push({ folder, filename, identity: this.#parse(filename).identity });
    }
    this.#places = new Map([...this.#places, ...this.#recognized(seen)]);
  }

  /** Scans the Maildir anew; who asks while that goes on waits for the same scan. */
  #look(): Promise<void> {
    this.#looking ??= this.#lookNow().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #lookNow(): Promise<void> {
    this.#places = this.#recognized(await scanMaildir(this.#maildir));
  }

  /** Where our messages are, by what was seen. */
  #recognized(seen: readonly Seen[]): Places {
    this.#identities ??= this.#identitiesByUnique();
    const places = new Map<string, Whereabouts>();
    for (const message of seen) {
      if (this.#places.has(message.identity)) places.set(message.identity, message);
    }
    for (const message of seen) {
      const identity = this.#identities.get(this.#parse(message.filename).unique);
      if (identity === undefined || !this.#places.has(identity) || places.has(identity)) continue;
      if (agree(this.#parse(identity), this.#parse(message.filename))) places.set(identity, message);
    }
    return places;
  }

  #identitiesByUnique(): ReadonlyMap<string, string> {
    const found = new Map<string, string>();
    const shared = new Set<string>();
    for (const identity of this.#places.keys()) {
      const { unique } = this.#parse(identity);
      if (found.has(unique)) shared.add(unique);
      found.set(unique, identity);
    }
    for (const unique of shared) found.delete(unique);
    return found;
  }

  #parse(name: string): MessageName {
    return parseName(name, this.#maildir.infoSeparator);
  }
}

/** Whether two names say the same of a message's sizes, as far as both speak of them. */
function agree(one: MessageName, other: MessageName): boolean {
  const same = (a: number | undefined, b: number | undefined) =>
    a === undefined || b === undefined || a === b;
  return same(one.size, other.size) && same(one.wireSize, other.wireSize);
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
