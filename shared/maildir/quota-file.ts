/**
 * Reading `maildirsize`, adding a line to it and replacing it. What its lines mean is in quota-lines.ts, who does what
 * when in quota-keeper.ts. Errors are the system's.
 *
 * A replacement is written in tmp/ and synced before the rename: what was counted could be counted again, but where nobody has
 * configured a quota, the first line is the only place where it stands.
 */
import { type BigIntStats, constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import type { Durable } from "../durable.js";
import { hasCode } from "../exit.js";
import type { Maildir } from "./maildir.js";
import type { Amount } from "./quota.js";
import { formatChange, MAILDIRSIZE_OCTETS_MAX, parseLines, type QuotaLines } from "./quota-lines.js";

/** A maildirsize as it was found. */
export interface QuotaFile extends QuotaLines {
  /** Tells one file from another that has replaced it. */
  readonly identity: string;
  /** When it was last written, milliseconds since 1970. */
  readonly changed: number;
}

/** Reads the file; undefined where there is none. */
export async function readQuotaFile(maildir: Maildir): Promise<QuotaFile | undefined> {
  return withFile(maildir, constants.O_RDONLY, async (handle, status) => {
    const octets = Buffer.alloc(MAILDIRSIZE_OCTETS_MAX);
    let length = 0;
    for (let read = -1; read !== 0 && length < octets.length; length += read) {
      read = (await handle.read(octets, length, octets.length - length, length)).bytesRead;
    }
    const changed = Number(status.mtimeMs);
    return { ...parseLines(octets.subarray(0, length)), identity: identityOf(status), changed };
  });
}

/** Which file it is now; undefined where there is none. */
export async function quotaFileIdentity(maildir: Maildir): Promise<string | undefined> {
  return withFile(maildir, constants.O_RDONLY, async (_, status) => identityOf(status));
}

/**
 * Adds a line about a change to this very file, in one write. Does nothing when another one is in its place by now.
 * Rejects with ENOSPC when but a part of the line could be written: then the file has to be replaced.
 */
export async function appendChange(maildir: Maildir, identity: string, change: Amount): Promise<void> {
  await withFile(maildir, constants.O_WRONLY | constants.O_APPEND, async (handle, status) => {
    if (identityOf(status) !== identity) return;
    const line = Buffer.from(formatChange(change));
    const { bytesWritten } = await handle.write(line);
    if (bytesWritten === line.length) return;
    throw Object.assign(new Error("part of a line was written"), { code: "ENOSPC" });
  });
}

/** Replaces the file, or makes it. Leaves nothing in tmp/ when that fails. */
export async function replaceQuotaFile(
  maildir: Maildir,
  text: string,
  durable: Durable,
  unique: string,
): Promise<void> {
  const path = `${maildir.tmp}/${unique}`;
  const file = await durable.create(path);
  try {
    try {
      await file.write(Buffer.from(text));
      await file.sync();
    } finally {
      await file.close();
    }
    await durable.publish(path, pathIn(maildir));
  } catch (error) {
    await durable.remove(path).catch(() => {});
    throw error;
  }
}

function pathIn(maildir: Maildir): string {
  return `${maildir.path}/maildirsize`;
}

async function withFile<T>(
  maildir: Maildir,
  flags: number,
  action: (handle: FileHandle, status: BigIntStats) => Promise<T>,
): Promise<T | undefined> {
  let handle: FileHandle;
  try {
    handle = await open(pathIn(maildir), flags | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (hasCode(error, "ENOENT", "ENOTDIR")) return undefined;
    throw error;
  }
  try {
    const status = await handle.stat({ bigint: true });
    if (!status.isFile()) throw notAFile(maildir);
    return await action(handle, status);
  } finally {
    await handle.close();
  }
}

/** Device, inode, and the time of birth, since inodes are used again; that is 0 where the file system keeps none. */
function identityOf({ dev, ino, birthtimeNs }: BigIntStats): string {
  return `${dev}:${ino}:${birthtimeNs}`;
}

function notAFile(maildir: Maildir): Error {
  return Object.assign(new Error(`${pathIn(maildir)} is no regular file`), { code: "EINVAL" });
}
