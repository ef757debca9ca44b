/**
 * The octets of a queued message. Where they lie is not written down: in new/ before the first attempt and in cur/ after
 * it, unless another program has moved them, for the queue is a Maildir and may be opened with anything. So the two likely
 * places are tried, and only then both folders are read.
 */
import { lstat } from "node:fs/promises";
import { Readable } from "node:stream";
import type { Path } from "../../shared/durable.js";
import { hasCode } from "../../shared/exit.js";
import { MessageFinder, openMessage, type Whereabouts } from "../../shared/maildir/find.js";
import type { Maildir } from "../../shared/maildir/maildir.js";
import { hasAsciiHeader, parseName, pathOf, withFlags } from "../../shared/maildir/name.js";
import { WireSize } from "../../shared/maildir/wire-size.js";
import type { JobMessage } from "../send/delivery.js";

/** A message of this many octets is read at once; a larger one in pieces of as many. */
const READ_OCTETS = 64 * 1024;

/** A file that was there when it was looked for. */
export interface FoundMessage {
  readonly path: Path;
  readonly size: number;
  /** The user that the file belongs to. */
  readonly owner: number;
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
  const status = await lstat(path);
  if (!status.isFile()) throw Object.assign(new Error("not a regular file"), { code: "ENOENT" });
  return { path, size: status.size, owner: status.uid };
}

/** What a sender gets of a message. Foreign names do not tell its size on the wire: those are read for it. */
export class QueuedMessage implements JobMessage {
  readonly size: number;
  readonly wireSize: number;
  readonly #find: () => Promise<FoundMessage | undefined>;
  #path: Path;

  private constructor(found: FoundMessage, wireSize: number, find: () => Promise<FoundMessage | undefined>) {
    this.size = found.size;
    this.wireSize = wireSize;
    this.#path = found.path;
    this.#find = find;
  }

  /** @param find finds it again when it has moved */
  static async of(
    found: FoundMessage,
    baseName: string,
    find: () => Promise<FoundMessage | undefined>,
  ): Promise<QueuedMessage> {
    const { size, wireSize } = parseName(baseName);
    const isToBeBelieved = hasAsciiHeader(baseName) !== undefined && size === found.size;
    const octets = isToBeBelieved ? wireSize : undefined;
    return new QueuedMessage(found, octets ?? (await countWireSize(found)), find);
  }

  async open(): Promise<Readable> {
    try {
      return await streamOf(this.#path, this.size);
    } catch (error) {
      if (!hasCode(error, "ENOENT")) throw error;
      const found = await this.#find();
      if (found === undefined) throw error;
      this.#path = found.path;
      return await streamOf(found.path, this.size);
    }
  }
}

async function streamOf(path: Path, size: number): Promise<Readable> {
  const file = await openMessage(path);
  if (size > READ_OCTETS) return file.createReadStream({ start: 0, highWaterMark: READ_OCTETS });
  try {
    const octets = Buffer.allocUnsafe(size);
    let length = 0;
    for (let read = -1; read !== 0 && length < size; length += read)
      read = (await file.read(octets, length, size - length, length)).bytesRead;
    return Readable.from([octets.subarray(0, length)], { objectMode: false });
  } finally {
    await file.close();
  }
}

async function countWireSize({ path, size }: FoundMessage): Promise<number> {
  const count = new WireSize();
  for await (const piece of await streamOf(path, size)) count.add(piece);
  return count.octets;
}
