/** The secret that the authorization server knows us by: the first line of a file of its own, never the configuration. */
import { readConfigFile } from "../../config/load.js";
import { EXIT, ExitError } from "../../exit.js";

const SECRET_FILE_OCTETS_MAX = 4096;

/** Reads it. Throws an ExitError that names the file: 78 where there is none, 77 where it may not be read. */
export async function readClientSecret(file: string): Promise<string> {
  const [secret = ""] = (await readConfigFile(file, SECRET_FILE_OCTETS_MAX)).split(/\r?\n/, 1);
  if (secret === "")
    throw new ExitError(EXIT.configuration, `${file}: its first line is empty; allowed is a secret`);
  return secret;
}
