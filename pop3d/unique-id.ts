/**
 * The unique-id of a message (RFC 1939 §7, UIDL): one to 70 octets in 0x21–0x7E, the same in every session, never of
 * another message. Pure.
 *
 * It is the unique part of the file's name, which delivery made unique for ever and no flag changes. A foreign name
 * that will not do as it stands (too long, other octets) is known by its hash, so that fields that other programs add or
 * take away do not change it. Messages that share one unique part and differ in the fields behind it are known by a hash
 * of their identities, each of them, since neither may take the other's place.
 *
 * A name is unique in its Maildir; in another folder of the maildrop the same may lie, if only as a copy. So a message
 * in a folder is always known by a hash, with the folder's name in it: what lies elsewhere does not change it,
 * and whoever moves a message to another folder makes it another one, as IMAP has it.
 */
import { createHash } from "node:crypto";

const OCTETS_MAX = 70;
const ALLOWED = new RegExp(`^[\\x21-\\x7e]{1,${OCTETS_MAX}}$`);

/** What of a message's name its unique-id is made of (shared/maildir/name.ts). */
export interface Named {
  readonly unique: string;
  readonly identity: string;
}

/**
 * The unique-ids of the messages of a Maildir, in their order.
 * @param folder the name of the Maildir++ folder's directory; "" for the Maildir itself
 */
export function uniqueIds(messages: readonly Named[], folder = ""): string[] {
  const seen = new Set<string>();
  const shared = new Set<string>([""]);
  for (const { unique } of messages) {
    if (seen.has(unique)) shared.add(unique);
    seen.add(unique);
  }
  return messages.map(({ unique, identity }) => {
    if (folder === "" && ALLOWED.test(unique) && !shared.has(unique)) return unique;
    // No name has a "/" in it, so no identity is another's unique part, and none another's folder with what lies there.
    const name = shared.has(unique) ? identity : `${unique}/`;
    return hashed(folder === "" ? name : `${folder}/${name}`);
  });
}

/** Whether a client can be told of it. */
export function isUniqueId(text: string): boolean {
  return ALLOWED.test(text);
}

/** 43 octets of base64url. */
export function hashed(name: string): string {
  return createHash("sha256").update(name, "latin1").digest("base64url");
}
