/**
 * The octets of a queued message. Where they lie is not written down: in new/ before the first attempt and in cur/ after
 * it, unless another program has moved them, for the queue is a Maildir and may be opened with anything. So the two likely
 * places are tried, and only then both folders are read.
 */
import { lstatSync } from "node:fs";
import { Readable } from "node:stream";
import type { Path } from "../../shared/durable.js";
import { hasCode } from "../../shared/exit.js";
import { MessageFinder, openMessage, type Whereabouts } from "../../shared/maildir/find.js";
import type { Maildir } from "../../shared/maildir/maildir.js";
import { hasAsciiHeader, parseName, pathOf, withFlags } from "../../shared/maildir/name.js";
import { WireSize } from "../../shared/maildir/wire-size.js";
import type { JobMessage } from "../send/delivery.js";
import { readNow } from "./read-now.js";

/** A new message of up to this many octets is read at once; others in pieces of as many. */
const READ_OCTETS = 64 * 1024;

/** A file that was there when it was looked for. */
export interface FoundMessage {
  readonly path: Path;
  readonly size: number;
  /** The user that the file belongs to. */
  readonly owner: number;
  /** When its octets or its place last changed, milliseconds since 1970. */
  readonly changedAt: number;
}

/** Where a message is likely to be, likelier first, by whether it was tried before. */
function likelyPlaces(baseName: string, tried: boolean): readonly [Whereabouts, Whereabouts] {
  const inNew: Whereabouts = { folder: "new", filename: baseName };
  const inCur: Whereabouts = { folder: "cur", filename: withFlags(baseName) };
  return tried ? [inCur, inNew] : [inNew, inCur];
}

/**
 * Does `action`, which rejects with ENOENT where there is no such file, with the path of a message.
 * @returns what it gave; undefined when the message is gone. Rejects when that cannot be told
 */
export async function withMessage<T>(
  maildir: Maildir,
  baseName: string,
  tried: boolean,
  action: (path: Path) => Promise<T>,
): Promise<{ readonly result: T } | undefined> {
  const places = likelyPlaces(baseName, tried);
  for (const { folder, filename } of places) {
    try {
      return { result: await action(pathOf(maildir[folder], filename)) };
    } catch (error) {
      if (!hasCode(error, "ENOENT")) throw error;
    }
  }
  const { identity } = parseName(baseName);
  return new MessageFinder(maildir, [{ identity, ...places[0] }]).with(identity, (path) => action(path));
}

/** Finds a message by its base name. Undefined when it is gone, or something else than a regular file is there. */
export async function findMessage(
  maildir: Maildir,
  baseName: string,
  tried: boolean,
): Promise<FoundMessage | undefined> {
  return (await withMessage(maildir, baseName, tried, statusOf))?.result;
}

async function statusOf(path: Path): Promise<FoundMessage> {
  // The hot path asks for a file that was made a moment ago: without a way to the thread pool and back.
  const status = lstatSync(path);
  if (!status.isFile()) throw Object.assign(new Error("not a regular file"), { code: "ENOENT" });
  const changedAt = Math.max(status.mtimeMs, status.ctimeMs);
  return { path, size: status.size, owner: status.uid, changedAt };
}

/** What a sender gets of a message. Foreign names do not tell its size on the wire: those are read for it. */
export class QueuedMessage implements JobMessage {
  readonly size: number;
  readonly wireSize: number;
  readonly #find: () => Promise<FoundMessage | undefined>;
  readonly #isFresh: boolean;
  #path: Path;

  private constructor(
    found: FoundMessage,
    wireSize: number,
    isFresh: boolean,
    find: () => Promise<FoundMessage | undefined>,
  ) {
    this.size = found.size;
    this.wireSize = wireSize;
    this.#path = found.path;
    this.#isFresh = isFresh;
    this.#find = find;
  }

  /** @param find finds it again when it has moved */
  static async of(
    found: FoundMessage,
    baseName: string,
    tried: boolean,
    find: () => Promise<FoundMessage | undefined>,
  ): Promise<QueuedMessage> {
    const { identity, size, wireSize } = parseName(baseName);
    const isToBeBelieved = hasAsciiHeader(identity) !== undefined && size === found.size;
    const octets = isToBeBelieved ? wireSize : undefined;
    return new QueuedMessage(found, octets ?? (await countWireSize(found)), !tried, find);
  }

  async open(): Promise<Readable> {
    try {
      return await this.#streamOf(this.#path);
    } catch (error) {
      if (!hasCode(error, "ENOENT")) throw error;
      const found = await this.#find();
      if (found === undefined) throw error;
      this.#path = found.path;
      return this.#streamOf(found.path);
    }
  }

  /** One that was tried before has perhaps to be fetched from the disk. */
  async #streamOf(path: Path): Promise<Readable> {
    if (!this.#isFresh || this.size > READ_OCTETS) return streamOf(path);
    const read = readNow(path, READ_OCTETS);
    if (read.kind !== "octets") throw Object.assign(new Error("the message is gone"), { code: "ENOENT" });
    return Readable.from([read.octets], { objectMode: false });
  }
}

async function streamOf(path: Path): Promise<Readable> {
  const file = await openMessage(path);
  return file.createReadStream({ start: 0, highWaterMark: READ_OCTETS });
}

async function countWireSize({ path }: FoundMessage): Promise<number> {
  const count = new WireSize();
  for await (const piece of await streamOf(path)) count.add(piece);
  return count.octets;
}
