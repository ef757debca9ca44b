/**
 * Which message has which unique-id where a former server's are kept. Pure.
 *
 *   1. what was given out before is given out again, whatever the former server's list says by now, and also when Dovecot has
 *      taken wrong sizes out of the name: a message that is not there any more is one whose name begins alike and is new;
 *   2. else what the former server has given it;
 *   3. else one of our own (unique-id.ts), which it keeps when the other server lists it later.
 *
 * A unique-id of the former server that cannot be sent, or that another message has too, is not kept: a hash stands for it,
 * for each message that would have had it, but for one that has been given it before.
 */
import type { FormerId, FormerIds, FormerSource } from "./former-server/former-ids.js";
import { hashed, isUniqueId, type Named, uniqueIds } from "./unique-id.js";

export interface AssignedId {
  readonly uniqueId: string;
  readonly source: "own" | "remembered" | FormerSource;
  /** What the former server called the message, where that could not be kept. */
  readonly notKept?: string;
}

/** What of a message's name its unique-id may be made of. */
export interface NamedFile extends Named {
  readonly filename: string;
}

/**
 * The unique-ids of the messages of a Maildir, in their order.
 * @param recalled those given out before, as recallUniqueIds finds them
 */
export function assignUniqueIds(
  messages: readonly NamedFile[],
  recalled: readonly (string | undefined)[],
  formerIdOf: FormerIds,
): AssignedId[] {
  const own = uniqueIds(messages);
  const wished = messages.map(({ identity, filename }, i): AssignedId => {
    const known = recalled[i];
    if (known !== undefined) return { uniqueId: known, source: "remembered" };
    return asSent(formerIdOf(filename), identity) ?? { uniqueId: own[i] ?? hashed(identity), source: "own" };
  });
  const counts = new Map<string, number>();
  for (const { uniqueId } of wished) counts.set(uniqueId, (counts.get(uniqueId) ?? 0) + 1);
  return wished.map((wish, i) => {
    const { uniqueId, source } = wish;
    if (source === "remembered" || counts.get(uniqueId) === 1) return wish;
    const other = freeHash(messages[i]?.identity ?? "", counts);
    counts.set(other, 1);
    return { uniqueId: other, source: "own", notKept: uniqueId };
  });
}

/** A message whose name has changed may have the very hash that another would have by its own. */
function freeHash(identity: string, taken: ReadonlyMap<string, number>): string {
  // No name has a "/" in it.
  for (let attempt = 0; ; attempt++) {
    const hash = hashed(attempt === 0 ? identity : `${identity}/${attempt}`);
    if (!taken.has(hash)) return hash;
  }
}

function asSent(former: FormerId | undefined, identity: string): AssignedId | undefined {
  if (former === undefined || isUniqueId(former.uniqueId)) return former;
  return { uniqueId: hashed(identity), source: "own", notKept: former.uniqueId };
}

/**
 * The unique-ids that messages had before, in their order; undefined for those that are new.
 * @param remembered by identity; no two alike
 */
export function recallUniqueIds(
  messages: readonly Named[],
  remembered: ReadonlyMap<string, string>,
): (string | undefined)[] {
  const present = new Set(messages.map(({ identity }) => identity));
  const gone = Array.from(remembered, ([identity, id]) => ({ identity, id, unique: uniqueOf(identity) }));
  const goneByUnique = onlyOnes(gone.filter(({ identity }) => !present.has(identity)));
  const newByUnique = onlyOnes(messages.filter(({ identity }) => !remembered.has(identity)));
  return messages.map(({ identity, unique }) => {
    const known = remembered.get(identity);
    return known ?? (newByUnique.has(unique) ? goneByUnique.get(unique)?.id : undefined);
  });
}

/** The unique part of an identity (shared/maildir/name.ts). */
function uniqueOf(identity: string): string {
  return identity.split(",", 1)[0] ?? "";
}

/** By unique part, those that share it with no other. */
function onlyOnes<T extends { readonly unique: string }>(named: readonly T[]): ReadonlyMap<string, T> {
  const found = new Map<string, T>();
  const shared = new Set<string>();
  for (const one of named) {
    if (found.has(one.unique)) shared.add(one.unique);
    found.set(one.unique, one);
  }
  for (const unique of shared) found.delete(unique);
  return found;
}
