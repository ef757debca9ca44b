/** The stored inputs, test/fuzz/corpus/<target>/: well-formed ones to begin with, and whatever has broken a target once. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const DIRECTORY = fileURLToPath(new URL("../../../test/fuzz/corpus/", import.meta.url));

export interface Stored {
  readonly name: string;
  readonly octets: Buffer;
}

/** The inputs of a target, by name. Throws when it has none. */
export function corpusOf(target: string): Stored[] {
  const directory = join(DIRECTORY, target);
  const names = readdirSync(directory).sort();
  if (names.length === 0) throw new Error(`no inputs in ${directory}`);
  return names.map((name) => ({ name, octets: readFileSync(join(directory, name)) }));
}

/** The targets that something is stored for. */
export function corpora(): string[] {
  return readdirSync(DIRECTORY).sort();
}
