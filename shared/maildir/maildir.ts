/** A Maildir's three folders, and the Maildir++ folders that may lie in it. Pure. */
import type { InfoSeparator } from "./name.js";

export interface Maildir {
  readonly path: string;
  readonly tmp: string;
  readonly new: string;
  readonly cur: string;
  /** How flags are written on the file system that it lies on (name.ts). */
  readonly infoSeparator: InfoSeparator;
}

/** The folders in which messages lie, in the order in which a message passes through them. */
export type Folder = "new" | "cur";

export function maildirAt(path: string, infoSeparator: InfoSeparator = ":"): Maildir {
  return { path, tmp: `${path}/tmp`, new: `${path}/new`, cur: `${path}/cur`, infoSeparator };
}

/**
 * A Maildir++ folder is a Maildir in the Maildir, whose name begins with a dot: `.Spam`, and `.Lists.pillarbox` for one
 * that clients show below another.
 *
 * @param name the directory's name, or "" for the Maildir itself
 */
export function folderOf(maildir: Maildir, name: string): Maildir {
  return name === "" ? maildir : maildirAt(`${maildir.path}/${name}`, maildir.infoSeparator);
}

/** Whether a text can be the name of a Maildir++ folder: one directory, and no level of it without a name. */
export function isFolderName(text: string): boolean {
  return /^(?:\.[^./\0]+)+$/.test(text) && Buffer.byteLength(text) <= FILENAME_OCTETS_MAX;
}

const FILENAME_OCTETS_MAX = 255;
