/**
 * The file in which a Maildir's unique-ids are remembered, `pillarbox-uniqueids`: its text, read and written. Pure.
 *
 *     pillarbox-uniqueids 1
 *     0000000b6b025f19 1700000018.M1P18.host,S=2048
 *
 * A line for each message: its unique-id, and its identity (identity-in-file.ts).
 */
import { IDENTITY_WORD, identityAsWord, identityOfWord } from "./identity-in-file.js";

/** The version at the end. A later one may hold what this one does not understand, so it is not touched. */
const HEADER = "pillarbox-uniqueids 1";
const LINE = new RegExp(`^([!-~]{1,70}) (${IDENTITY_WORD})$`);

/** Unique-ids by identity; undefined for a text that `formatRememberedIds` did not write. */
export function parseRememberedIds(text: string): Map<string, string> | undefined {
  const [header, ...lines] = text.split("\n");
  if (header !== HEADER || lines.pop() !== "") return undefined;
  const ids = new Map<string, string>();
  for (const line of lines) {
    const [, id, name] = LINE.exec(line) ?? [];
    if (id === undefined || name === undefined) return undefined;
    ids.set(identityOfWord(name), id);
  }
  return new Set(ids.values()).size === lines.length ? ids : undefined;
}

/** @param ids different ones, by identity */
export function formatRememberedIds(ids: Iterable<readonly [identity: string, id: string]>): string {
  const lines = Array.from(ids, ([identity, id]) => `${id} ${identityAsWord(identity)}\n`);
  return `${HEADER}\n${lines.join("")}`;
}
