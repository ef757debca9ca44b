/** Reading the secrets of SRS (srs.ts): one on each line of a file of their own, never the configuration. */
import { readConfigFile } from "../../shared/config/load.js";
import { EXIT, ExitError } from "../../shared/exit.js";

const FILE_OCTETS_MAX = 16 * 1024;
/** As many as a hash of ours has at least to be guessed by. */
const SECRET_CHARACTERS_MIN = 16;

/** The secrets, the one that signs first. Throws an ExitError that names the file and what is wrong with it. */
export async function loadSrsSecrets(file: string): Promise<readonly string[]> {
  const lines = (await readConfigFile(file, FILE_OCTETS_MAX)).split(/\r?\n/);
  const secrets = lines.map((line) => line.trim()).filter((line) => line !== "");
  const short = secrets.length === 0 || secrets.some((secret) => secret.length < SECRET_CHARACTERS_MIN);
  if (!short) return secrets;
  throw new ExitError(
    EXIT.configuration,
    `${file}: allowed are secrets of ${SECRET_CHARACTERS_MIN} characters or more, one on each line`,
  );
}
