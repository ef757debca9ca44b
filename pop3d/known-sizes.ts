/**
 * The sizes that are remembered of one Maildir: in memory, and in its file `pillarbox-sizes` (sizes-file.ts) for the
 * sessions after a restart.
 *
 * The file is written under the session lock, in tmp/ and then renamed, so that nobody sees half of it. It is but a
 * cache: nothing is synced, since after a power cut a damaged or missing one costs reading the messages once more; one
 * that cannot be written only has no effect beyond this process, and on a disk that is nearly full it is not, lest it take
 * the room that a user has made. When most of its messages have gone, it is written without them, or removed. It is never an authority over a message: RETR counts what it sends.
 */
import { lstat, statfs } from "node:fs/promises";
import type { Durable } from "../shared/durable.js";
import type { Log } from "../shared/log.js";
import type { Maildir } from "../shared/maildir/maildir.js";
import { readWhole } from "../shared/read-whole.js";
import type { Sizes } from "./measure.js";
import { formatSizes, parseSizes } from "./sizes-file.js";

/** Messages of a Maildir; some 200 octets each in memory. Those beyond are counted anew at each login. */
const MESSAGES_MAX = 100_000;
/** So many messages with names of 255 printable octets take less. */
const FILE_OCTETS_MAX = 32 * 1024 * 1024;
/** Free octets and files of a file system that is not nearly full. */
const ROOM_OCTETS_MIN = 4 * 1024 * 1024;
const ROOM_FILES_MIN = 100;

export class KnownSizes {
  readonly #maildir: Maildir;
  #sizes = new Map<string, Sizes>();
  /** Of the file that they were last read from or written to; "" when there was none. */
  #stamp = "";
  /** Messages in that file, all of which are read. */
  #inFile = 0;
  #changed = false;

  constructor(maildir: Maildir) {
    this.#maildir = maildir;
  }

  get count(): number {
    return this.#sizes.size;
  }

  /** Whether nothing is known, and the file says nothing else. */
  get isEmpty(): boolean {
    return this.#sizes.size === 0 && !this.#changed;
  }

  get(identity: string): Sizes | undefined {
    return this.#sizes.get(identity);
  }

  set(identity: string, sizes: Sizes): void {
    if (this.#sizes.size >= MESSAGES_MAX && !this.#sizes.has(identity)) return;
    this.#sizes.set(identity, sizes);
    this.#changed = true;
  }

  /** Reads the file, unless it is as it was the last time; forgets all messages but these. */
  async refresh(messages: Iterable<{ readonly identity: string }>, log: Log): Promise<void> {
    const stamp = await this.#stampOfFile();
    if (stamp !== this.#stamp) {
      this.#sizes = stamp === "" ? new Map() : await this.#read(log);
      this.#inFile = this.#sizes.size;
      this.#stamp = stamp;
    }
    const kept = new Map<string, Sizes>();
    for (const { identity } of messages) {
      const sizes = this.#sizes.get(identity);
      if (sizes !== undefined) kept.set(identity, sizes);
    }
    this.#sizes = kept;
    if (2 * kept.size < this.#inFile) this.#changed = true;
  }

  /** Writes the file if something is known that it does not say. Never rejects. */
  async save(durable: Durable, unique: string, log: Log): Promise<void> {
    if (!this.#changed) return;
    // Once: what cannot be written now is tried again with whatever is learnt next.
    this.#changed = false;
    try {
      if (this.#sizes.size === 0) await durable.remove(this.#path);
      else if (await hasRoom(this.#maildir.path))
        await this.#replace(durable, `${this.#maildir.tmp}/${unique}`);
      else return;
      this.#stamp = await this.#stampOfFile();
      this.#inFile = this.#sizes.size;
    } catch (err) {
      log.warn({ maildir: this.#maildir.path, err }, "sizes cannot be kept");
    }
  }

  async #replace(durable: Durable, temporary: string): Promise<void> {
    const file = await durable.create(temporary);
    try {
      try {
        await file.write(Buffer.from(formatSizes(this.#sizes), "latin1"));
      } finally {
        await file.close();
      }
      await durable.publish(temporary, this.#path);
    } catch (error) {
      await durable.remove(temporary).catch(() => {});
      throw error;
    }
  }

  get #path(): string {
    return `${this.#maildir.path}/pillarbox-sizes`;
  }

  /** What changes with the file; "" when there is none. */
  async #stampOfFile(): Promise<string> {
    try {
      const { ino, size, mtimeNs } = await lstat(this.#path, { bigint: true });
      return `${ino} ${size} ${mtimeNs}`;
    } catch {
      return "";
    }
  }

  async #read(log: Log): Promise<Map<string, Sizes>> {
    try {
      const file = await readWhole(this.#path, FILE_OCTETS_MAX);
      const sizes = Buffer.isBuffer(file) ? parseSizes(file.toString("latin1")) : undefined;
      if (sizes !== undefined && sizes.size <= MESSAGES_MAX) return sizes;
      log.warn({ file: this.#path }, "file of sizes is damaged, and ignored");
    } catch (err) {
      log.warn({ file: this.#path, err }, "file of sizes cannot be read");
    }
    return new Map();
  }
}

async function hasRoom(path: string): Promise<boolean> {
  const { bavail, bsize, files, ffree } = await statfs(path);
  // Some file systems do not count files.
  return bavail * bsize >= ROOM_OCTETS_MIN && (files === 0 || ffree >= ROOM_FILES_MIN);
}
