/**
 * The key of which stand-ins for unknown users are made (credentials.ts, scram-lookup.ts). Whoever has it can tell them from
 * accounts, and whoever sees it change can, too: an account shows the same salt to SCRAM after a restart as before, and
 * the same to smtpd as to pop3d. So the key has to outlive the process and to be the same for both daemons.
 *
 * It is `<mail_root>/.stand-in-key`, made by whoever needs it first. Where it cannot be read or made, there is a key for this
 * process alone, and the log says why: logins go on all the same.
 */
import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { link, open } from "node:fs/promises";
import { FsyncDurable } from "../durable.js";
import { hasCode } from "../exit.js";
import type { Log } from "../log.js";

const KEY_OCTETS = 32;
const FILENAME = ".stand-in-key";

/** Never rejects. Not to be called as root: the file is to belong to the user that both daemons become. */
export async function standInKey(mailRoot: string, log: Log): Promise<Buffer> {
  const file = `${mailRoot}/${FILENAME}`;
  try {
    return (await readKey(file)) ?? (await makeKey(file));
  } catch (err) {
    log.warn({ file, err }, "stand-ins for unknown users will not outlive this process");
    return randomBytes(KEY_OCTETS);
  }
}

/** Undefined where there is none. Rejects where it is something else than a key. */
async function readKey(file: string): Promise<Buffer | undefined> {
  try {
    const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const { bytesRead, buffer } = await handle.read(Buffer.alloc(KEY_OCTETS + 1), 0, KEY_OCTETS + 1, 0);
      if (bytesRead !== KEY_OCTETS) throw new Error(`it holds no key; remove it, and a new one is made`);
      return buffer.subarray(0, KEY_OCTETS);
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** Makes it; or reads that of the other daemon, which was faster. By link(2) it appears whole, and replaces nothing. */
async function makeKey(file: string): Promise<Buffer> {
  const durable = new FsyncDurable();
  const key = randomBytes(KEY_OCTETS);
  const draft = `${file}.${process.pid}.${randomBytes(4).toString("hex")}`;
  const written = await durable.create(draft);
  try {
    try {
      await written.write(key);
      await written.sync();
    } finally {
      await written.close();
    }
    await link(draft, file);
    return key;
  } catch (error) {
    const others = hasCode(error, "EEXIST") ? await readKey(file) : undefined;
    if (others === undefined) throw error;
    return others;
  } finally {
    await durable.remove(draft).catch(() => {});
  }
}
