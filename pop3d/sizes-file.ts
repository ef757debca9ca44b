/**
 * The file `pillarbox-sizes` in a Maildir, which says what had to be counted by reading messages: its text. Pure.
 *
 *     pillarbox-sizes 1
 *     2101 - 1763769600.8221.host
 *     2101 2170 1763769700.M1P1Q1.host,S=2048,W=2101,H=8
 *
 * A line for each message: its octets as it is stored, those of its surrogate or "-" where its header is ASCII, and its
 * identity (identity-in-file.ts). Of a text that is not exactly so nothing is believed.
 */
import { IDENTITY_WORD, identityAsWord, identityOfWord } from "./identity-in-file.js";
import type { Sizes } from "./measure.js";

const HEADER = "pillarbox-sizes 1";
const LINE = new RegExp(`^(\\d{1,15}) (-|\\d{1,15}) (${IDENTITY_WORD})$`);

/** Sizes by identity; undefined for a text that `formatSizes` did not write. */
export function parseSizes(text: string): Map<string, Sizes> | undefined {
  const [header, ...lines] = text.split("\n");
  if (header !== HEADER || lines.pop() !== "") return undefined;
  const sizes = new Map<string, Sizes>();
  for (const line of lines) {
    const [, octets, surrogate, word] = LINE.exec(line) ?? [];
    if (word === undefined) return undefined;
    const surrogateOctets = surrogate === "-" ? undefined : Number(surrogate);
    sizes.set(identityOfWord(word), { octets: Number(octets), surrogateOctets });
  }
  return sizes;
}

export function formatSizes(sizes: Iterable<readonly [identity: string, sizes: Sizes]>): string {
  const lines = Array.from(
    sizes,
    ([identity, { octets, surrogateOctets }]) =>
      `${octets} ${surrogateOctets ?? "-"} ${identityAsWord(identity)}\n`,
  );
  return `${HEADER}\n${lines.join("")}`;
}
