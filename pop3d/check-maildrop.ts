/**
 * `pop3d check <address>`: what a maildrop presents to its owner, message by message, and where each unique-id comes from.
 * Takes no lock, and changes nothing: before the day of a move it shows whether unique-ids are kept.
 */
import { loadAccounts } from "../shared/accounts/passwd-file.js";
import { EXIT, ExitError, exitCodeFor, isSystemError } from "../shared/exit.js";
import { type Log, openLog } from "../shared/log.js";
import { type Maildir, maildirAt } from "../shared/maildir/maildir.js";
import { compareNames } from "../shared/maildir/name.js";
import { actingAs } from "../shared/privileges.js";
import type { AssignedId } from "./assign-unique-ids.js";
import type { Pop3dConfig } from "./config.js";
import { exists } from "./exists.js";
import { readFolder } from "./folders.js";
import { lookUpUniqueIds } from "./unique-ids.js";
import { accountsOptionsOf, addressFor, noSuchAccount, readConfig } from "./user/context.js";
import { WireSizes } from "./wire-sizes.js";

/** A message as it would be listed. */
interface Shown {
  readonly number: number;
  readonly octets: number;
  readonly uniqueId: string;
  readonly source: AssignedId["source"];
  /** `cur/1.a:2,S`, `.Spam/new/2.b`; octets that are not printable ASCII, and backslashes, as `\xe9`. */
  readonly file: string;
}

/** Prints the maildrop of an account. Throws an ExitError where there is none, or where it cannot be read. */
export async function checkMaildrop(file: string, given: string, json: boolean): Promise<void> {
  const config = await readConfig({ config: file });
  const address = addressFor(config, given);
  const account = (await loadAccounts(config.accounts, accountsOptionsOf(config))).find(address);
  if (account === undefined) throw noSuchAccount(config, address);
  const maildir = maildirAt(account.maildir.path, config.maildrop.info_separator);
  const log = openLog("pop3d", { level: "warn", format: "pretty" }, 2);
  const messages = await read(config, maildir, log);
  const octets = messages.reduce((sum, message) => sum + message.octets, 0);
  if (json) {
    const maildrop = { address, maildir: maildir.path, count: messages.length, octets, messages };
    console.log(JSON.stringify(maildrop, undefined, 2));
    return;
  }
  console.log(
    `${address}  ${maildir.path}\n${messages.length} ${messages.length === 1 ? "message" : "messages"}, ${octets} octets`,
  );
  for (const line of table(messages)) console.log(line);
}

/** As the user that pop3d becomes: what that one cannot read, no session can. */
async function read(config: Pop3dConfig, maildir: Maildir, log: Log): Promise<Shown[]> {
  try {
    return await actingAs(config, async () => {
      if (await exists(maildir.path)) return await messagesOf(config, maildir, log);
      throw new ExitError(
        EXIT.usage,
        `${maildir.path}: there is no Maildir; it is made when the first message comes`,
      );
    });
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw new ExitError(exitCodeFor(error), `${maildir.path}: cannot be read (${error.message})`, {
      cause: error,
    });
  }
}

async function messagesOf({ maildrop }: Pop3dConfig, maildir: Maildir, log: Log): Promise<Shown[]> {
  const sizes = new WireSizes();
  const messages = [];
  for (const name of maildrop.folders) {
    const { folder, entries } = await readFolder(maildir, name, log);
    const ids = await lookUpUniqueIds(maildrop.unique_id, folder.maildir, name, entries, log);
    const found = await sizes.of({ ...folder, entries }, true, log);
    for (const [i, { folder: part, filename }] of entries.entries()) {
      const [id, size] = [ids[i], found[i]];
      if (id === undefined || size === undefined) continue;
      const file = printable(`${name === "" ? "" : `${name}/`}${part}/${filename}`);
      messages.push({ filename, octets: size.octets, uniqueId: id.uniqueId, source: id.source, file });
    }
  }
  return messages
    .toSorted((a, b) => compareNames(a.filename, b.filename))
    .map(({ filename: _, ...message }, i) => ({ number: i + 1, ...message }));
}

function printable(file: string): string {
  return file.replace(/[^ -~]|\\/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

function* table(messages: readonly Shown[]): Generator<string> {
  const rows = [
    ["number", "octets", "unique-id", "from", "file"],
    ...messages.map(({ number, octets, uniqueId, source, file }) => [
      `${number}`,
      `${octets}`,
      uniqueId,
      source,
      file,
    ]),
  ];
  const widths = [0, 1, 2, 3].map((column) =>
    rows.reduce((most, row) => Math.max(most, row[column]?.length ?? 0), 0),
  );
  for (const row of rows) {
    yield row
      .map((cell, i) => (i < 2 ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
      .join("  ");
  }
}
