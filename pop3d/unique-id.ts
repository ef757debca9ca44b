/**
 * The unique-id of a message (RFC 1939 §7, UIDL): one to 70 octets in 0x21–0x7E, the same in every session, never of
 * another message. Pure.
 *
 * It is the unique part of the file's name, which delivery made unique for ever and no flag changes. A foreign name
 * that will not do as it stands (too long, other octets) is known by a hash of its identity; so are messages that
 * share one unique part and differ in the fields behind it, each of them, since neither may take the other's place.
 */
import { createHash } from "node:crypto";

const OCTETS_MAX = 70;
const ALLOWED = new RegExp(`^[\\x21-\\x7e]{1,${OCTETS_MAX}}$`);

/** What of a message's name its unique-id is made of (shared/maildir/name.ts). */
export interface Named {
  readonly unique: string;
  readonly identity: string;
}

/** The unique-ids of a maildrop's messages, in their order. */
export function uniqueIds(messages: readonly Named[]): string[] {
  const seen = new Set<string>();
  const shared = new Set<string>();
  for (const { unique } of messages) {
    if (seen.has(unique)) shared.add(unique);
    seen.add(unique);
  }
  return messages.map(({ unique, identity }) =>
    ALLOWED.test(unique) && !shared.has(unique) ? unique : hashed(identity),
  );
}

/** 43 octets of base64url. */
function hashed(identity: string): string {
  return createHash("sha256").update(identity, "latin1").digest("base64url");
}
