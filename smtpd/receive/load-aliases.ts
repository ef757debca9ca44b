/** Reading the aliases file; what it says is aliases.ts. */
import { readConfigFile } from "../../shared/config/load.js";
import { EXIT, ExitError } from "../../shared/exit.js";
import { type Aliases, NO_ALIASES, parseAliases } from "./aliases.js";

/** The aliases of `file`, none when there is no file. Throws an ExitError that names each line at fault. */
export async function loadAliases(file: string | undefined, defaultDomain: string): Promise<Aliases> {
  if (file === undefined) return NO_ALIASES;
  const { aliases, errors } = parseAliases(await readConfigFile(file), defaultDomain);
  if (errors.length === 0) return aliases;
  throw new ExitError(
    EXIT.configuration,
    errors.map(({ line, reason }) => `${file}:${line}: ${reason}`).join("\n"),
  );
}
