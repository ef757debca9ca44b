/**
 * The account of the sandbox, made once. Afterwards the accounts and the Maildir are the user's: what was collected and
 * deleted stays so, and an account or an alias that was added is kept.
 *
 * | users   | Maildir        | means                                          |
 * |---------|----------------|------------------------------------------------|
 * | missing | missing, empty | the first start: the samples are delivered      |
 * | missing | holds messages | a first start that was cut short after the samples |
 * | there   | any            | made                                           |
 */
import { formatEntry } from "../../shared/accounts/entry.js";
import { hashScramSha256 } from "../../shared/accounts/schemes/scram.js";
import { hasCode } from "../../shared/exit.js";
import { scanMaildir } from "../../shared/maildir/scan.js";
import { exists, place } from "./files.js";
import { ACCOUNT, type Layout, PASSWORD } from "./layout.js";
import { deliverSamples } from "./samples.js";

const ACCOUNTS = `\
# The accounts of the sandbox, in the format of Dovecot's passwd-file.
# The password of ${ACCOUNT} is ${PASSWORD}.
${formatEntry(ACCOUNT, hashScramSha256(PASSWORD))}
`;

const ALIASES = `\
# Other addresses of the sandbox's accounts, in the format of aliases(5).
postmaster: ${ACCOUNT}
`;

/** Makes what is missing of the accounts, the aliases and the Maildir with its samples. */
export async function provideAccount(layout: Layout): Promise<void> {
  if (!(await exists(layout.aliases))) await place(layout.aliases, ALIASES);
  if (await exists(layout.accounts)) return;
  if (!(await holdsMessages(layout))) await deliverSamples(layout.maildir);
  await place(layout.accounts, ACCOUNTS);
}

async function holdsMessages(layout: Layout): Promise<boolean> {
  try {
    return (await scanMaildir(layout.maildir)).length > 0;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return false;
    throw error;
  }
}
