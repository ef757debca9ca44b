/**
 * The unique-ids of a maildrop's messages. Where none but our own are given out, names alone tell them (unique-id.ts), and no
 * file is read or written. Where those of a former server are kept, what is given out is remembered in the Maildir:
 *
 * | `pillarbox-uniqueids`   | means                                                                              |
 * |-------------------------|------------------------------------------------------------------------------------|
 * | absent                  | nobody has collected mail from here yet                                            |
 * | present                 | what each message is called, for ever; a message without a line is new             |
 * | a file of it in tmp/    | left by a crash; removed after 36 hours (shared/maildir/clean.ts)                   |
 *
 * It is replaced by one rename, and is on the disk before the client hears of any new unique-id. Lines of messages that have
 * gone go when it is next written. When it cannot be written (a full disk), the session goes on all the same: the user must
 * be able to collect mail to make room, and the worst that can happen is that a message is downloaded twice. When it cannot
 * be read or understood, there is no session, since any answer would be a wrong one, and for every message.
 *
 * A former server knows the Maildir itself; in folders of it, unique-ids are our own.
 */
import type { Durable } from "../shared/durable.js";
import { EXIT, ExitError } from "../shared/exit.js";
import type { Log } from "../shared/log.js";
import type { Maildir } from "../shared/maildir/maildir.js";
import { readWhole } from "../shared/read-whole.js";
import { type AssignedId, assignUniqueIds, type NamedFile, recallUniqueIds } from "./assign-unique-ids.js";
import { readFormerIds } from "./former-server/former-ids.js";
import type { FormerServer } from "./former-server/former-server.js";
import { formatRememberedIds, parseRememberedIds } from "./remembered-ids.js";
import { uniqueIds } from "./unique-id.js";

const REMEMBERED_NAME = "pillarbox-uniqueids";
/** Half a million messages. */
const REMEMBERED_OCTETS_MAX = 64 * 1024 * 1024;

export interface UniqueIdsOptions {
  readonly server: "pillarbox" | FormerServer;
  readonly durable: Durable;
  /** Makes names that nobody else makes (shared/maildir/name.ts). */
  readonly uniqueName: () => string;
}

export class UniqueIds {
  readonly #options: UniqueIdsOptions;

  constructor(options: UniqueIdsOptions) {
    this.#options = options;
  }

  /**
   * The unique-ids of `messages`, in their order, remembered by the time this resolves. While the session lock is held.
   * @param folder the name of the Maildir++ folder that `maildir` is; "" for the account's own Maildir
   */
  async give(maildir: Maildir, folder: string, messages: readonly NamedFile[], log: Log): Promise<string[]> {
    const { server } = this.#options;
    const ids = await lookUpUniqueIds(server, maildir, folder, messages, log);
    if (keepsFormer(server, folder) && ids.some(({ source }) => source !== "remembered")) {
      logNotKept(ids, maildir, log);
      await this.#remember(maildir, messages, ids, log);
    }
    return ids.map(({ uniqueId }) => uniqueId);
  }

  async #remember(
    maildir: Maildir,
    messages: readonly NamedFile[],
    ids: readonly AssignedId[],
    log: Log,
  ): Promise<void> {
    const text = formatRememberedIds(
      messages.map(({ identity }, i): [string, string] => [identity, ids[i]?.uniqueId ?? ""]),
    );
    try {
      await this.#replace(maildir, Buffer.from(text, "latin1"));
    } catch (error) {
      log.error({ maildir: maildir.path, err: error }, "unique-ids cannot be remembered");
    }
  }

  async #replace(maildir: Maildir, octets: Buffer): Promise<void> {
    if (octets.length > REMEMBERED_OCTETS_MAX) throw new Error("there are too many to be remembered");
    const { durable, uniqueName } = this.#options;
    const path = `${maildir.tmp}/${uniqueName()}`;
    const file = await durable.create(path);
    try {
      try {
        await file.write(octets);
        await file.sync();
      } finally {
        await file.close();
      }
      await durable.publish(path, `${maildir.path}/${REMEMBERED_NAME}`);
    } catch (error) {
      await durable.remove(path).catch(() => {});
      throw error;
    }
    await durable.syncDirectory(maildir.path);
  }
}

/** Those that `give` would give, with where each comes from. Nothing is written. */
export async function lookUpUniqueIds(
  server: UniqueIdsOptions["server"],
  maildir: Maildir,
  folder: string,
  messages: readonly NamedFile[],
  log: Log,
): Promise<AssignedId[]> {
  if (!keepsFormer(server, folder)) {
    return uniqueIds(messages, folder).map((uniqueId) => ({ uniqueId, source: "own" }));
  }
  const recalled = recallUniqueIds(messages, await readRemembered(maildir));
  const isNew = recalled.includes(undefined);
  const formerIdOf = isNew ? await readFormerIds(server, maildir, log) : () => undefined;
  return assignUniqueIds(messages, recalled, formerIdOf);
}

function keepsFormer(server: UniqueIdsOptions["server"], folder: string): server is FormerServer {
  return server !== "pillarbox" && folder === "";
}

async function readRemembered(maildir: Maildir): Promise<ReadonlyMap<string, string>> {
  const path = `${maildir.path}/${REMEMBERED_NAME}`;
  const octets = await readWhole(path, REMEMBERED_OCTETS_MAX);
  if (octets === undefined) return new Map();
  const ids = octets === "too large" ? undefined : parseRememberedIds(octets.toString("latin1"));
  if (ids !== undefined) return ids;
  throw new ExitError(
    EXIT.configuration,
    `${path}: is damaged, or of a later version; without it every message gets another unique-id`,
  );
}

/** Once, since they are remembered from now on. */
function logNotKept(ids: readonly AssignedId[], maildir: Maildir, log: Log): void {
  const notKept = ids.flatMap((id) => id.notKept ?? []);
  if (notKept.length === 0) return;
  log.warn(
    { maildir: maildir.path, count: notKept.length, first: notKept[0] },
    "unique-ids of the former server cannot be sent, or are not unique, and others stand for them",
  );
}
