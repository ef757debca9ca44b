/**
 * Which message has which unique-id where a former server's are kept. Pure.
 *
 *   1. what was given out before is given out again, whatever the former server's list says by now;
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
 * @param remembered those given out before, by identity; no two alike
 */
export function assignUniqueIds(
  messages: readonly NamedFile[],
  remembered: ReadonlyMap<string, string>,
  formerIdOf: FormerIds,
): AssignedId[] {
  const own = uniqueIds(messages);
  const wished = messages.map(({ identity, filename }, i): AssignedId => {
    const known = remembered.get(identity);
    if (known !== undefined) return { uniqueId: known, source: "remembered" };
    return asSent(formerIdOf(filename), identity) ?? { uniqueId: own[i] ?? hashed(identity), source: "own" };
  });
  const counts = new Map<string, number>();
  for (const { uniqueId } of wished) counts.set(uniqueId, (counts.get(uniqueId) ?? 0) + 1);
  return wished.map((wish, i) => {
    const { uniqueId, source } = wish;
    const identity = messages[i]?.identity ?? "";
    if (source === "remembered" || counts.get(uniqueId) === 1) return wish;
    return { uniqueId: hashed(identity), source: "own", notKept: uniqueId };
  });
}

function asSent(former: FormerId | undefined, identity: string): AssignedId | undefined {
  if (former === undefined || isUniqueId(former.uniqueId)) return former;
  return { uniqueId: hashed(identity), source: "own", notKept: former.uniqueId };
}
