/**
 * Durability: the four verbs by which anything of ours becomes permanent, and nothing else in the project calls
 * fsync or renames a message.
 *
 *   create a file, write to it, `sync` it     its octets and its size survive a power cut
 *   `publish` it                              one rename: other programs see all of it or nothing
 *   `syncDirectory`                           the rename (or an unlink) itself survives
 *
 * Only after the last of these may the other side be told that it is done. Here each file is fsynced by itself;
 * callers that wait for the same directory at the same time share one fsync of it. A way of syncing many files
 * with one system call fits behind the same interface, because every verb is awaited by its caller alone.
 *
 * Errors are passed on as they are (ENOSPC, EIO, EROFS …). After a failed sync the kernel may have dropped the
 * pages and say "fine" the next time, so nobody retries a sync: the file is given up, and the client told.
 */
import { constants } from "node:fs";
import { type FileHandle, open, rename, unlink } from "node:fs/promises";

/** A path as Node takes it: a Buffer where a name is not ASCII, so that its octets stay what they are. */
export type Path = string | Buffer;

export interface DurableFile {
  /** Appends octets. Resolves when the kernel has them. */
  write(octets: Uint8Array): Promise<void>;
  /** Resolves when the octets written so far are on the disk. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface Durable {
  /** Creates a file that must not exist yet. */
  create(path: Path): Promise<DurableFile>;
  /** Renames atomically, within one file system. */
  publish(from: Path, to: Path): Promise<void>;
  remove(path: Path): Promise<void>;
  /** Resolves when all changes made in the directory before the call are on the disk. */
  syncDirectory(directory: string): Promise<void>;
}

const MODE_OF_FILES = 0o600;

export class FsyncDurable implements Durable {
  readonly #directories = new SharedSyncs(syncDirectoryNow);
  readonly #mode: number;

  /** @param mode of files that are created, whatever the umask; 0600 where nobody else is to read them */
  constructor(mode: number = MODE_OF_FILES) {
    this.#mode = mode;
  }

  async create(path: Path): Promise<DurableFile> {
    const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
    const handle = await open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, MODE_OF_FILES);
    if (this.#mode !== MODE_OF_FILES) await handle.chmod(this.#mode);
    return new FsyncFile(handle);
  }

  async publish(from: Path, to: Path): Promise<void> {
    await rename(from, to);
  }

  async remove(path: Path): Promise<void> {
    await unlink(path);
  }

  async syncDirectory(directory: string): Promise<void> {
    await this.#directories.after(directory);
  }
}

class FsyncFile implements DurableFile {
  readonly #handle: FileHandle;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async write(octets: Uint8Array): Promise<void> {
    // write(2) may take fewer octets than it is given, most likely when the disk is nearly full.
    for (let written = 0; written < octets.length; ) {
      const { bytesWritten } = await this.#handle.write(octets, written);
      written += bytesWritten;
    }
  }

  async sync(): Promise<void> {
    await this.#handle.sync();
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

/**
 * Lets callers share syncs. A sync that is already running began before the caller's rename and proves nothing
 * about it, so the caller waits for the next one; all who arrive meanwhile wait for that same one.
 */
export class SharedSyncs {
  readonly #syncNow: (key: string) => Promise<void>;
  readonly #running = new Map<string, Promise<void>>();
  readonly #next = new Map<string, Promise<void>>();

  constructor(syncNow: (key: string) => Promise<void>) {
    this.#syncNow = syncNow;
  }

  /** Resolves when a sync of `key` that began after this call has ended; rejects with that sync's error. */
  after(key: string): Promise<void> {
    const waiting = this.#next.get(key);
    if (waiting !== undefined) return waiting;

    const running = this.#running.get(key);
    if (running === undefined) return this.#start(key);

    const next = running
      .catch(() => {})
      .then(() => {
        this.#next.delete(key);
        return this.#start(key);
      });
    this.#next.set(key, next);
    return next;
  }

  #start(key: string): Promise<void> {
    const sync = this.#syncNow(key).finally(() => this.#running.delete(key));
    this.#running.set(key, sync);
    return sync;
  }
}

async function syncDirectoryNow(directory: string): Promise<void> {
  const handle = await open(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
