/** The directory of the sandbox: making it and everything in it that the daemons need, each time a sandbox starts. */
import { mkdir, readFile } from "node:fs/promises";
import { EXIT, ExitError, hasCode } from "../../shared/exit.js";
import { startedAsRoot } from "../../shared/privileges.js";
import { provideAccount } from "./account.js";
import { provideCertificate } from "./certificate.js";
import { pop3dToml, smtpdToml, WRITTEN_BY_US } from "./configuration.js";
import { place } from "./files.js";
import type { Layout, Ports } from "./layout.js";

const MODE_OF_DIRECTORIES = 0o700;

/**
 * Makes what is missing and writes the configuration. Throws an ExitError (78) when a configuration file of someone
 * else is in the way.
 */
export async function provideDirectory(layout: Layout, ports: Ports): Promise<void> {
  await mkdir(layout.directory, { recursive: true, mode: MODE_OF_DIRECTORIES });
  for (const file of [layout.smtpdConfig, layout.pop3dConfig]) await expectOurs(file);
  await provideCertificate(layout, Date.now());
  await provideAccount(layout);
  await place(layout.smtpdConfig, smtpdToml(layout, ports, startedAsRoot()));
  await place(layout.pop3dConfig, pop3dToml(layout, ports, startedAsRoot()));
}

/** A directory with a configuration that the sandbox did not write, /etc/pillarbox perhaps, is no place for it. */
async function expectOurs(file: string): Promise<void> {
  try {
    if ((await readFile(file, "utf8")).startsWith(WRITTEN_BY_US)) return;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return;
    throw error;
  }
  throw new ExitError(
    EXIT.configuration,
    `${file} was not written by the sandbox and is left alone: choose another place with --directory`,
  );
}
