/** A Maildir's three folders. Pure. */

export interface Maildir {
  readonly path: string;
  readonly tmp: string;
  readonly new: string;
  readonly cur: string;
}

/** The folders in which messages lie, in the order in which a message passes through them. */
export type Folder = "new" | "cur";

export function maildirAt(path: string): Maildir {
  return { path, tmp: `${path}/tmp`, new: `${path}/new`, cur: `${path}/cur` };
}
