/**
 * Loading the accounts file. All that is wrong in it is reported at once, each with file and line, and never with any
 * part of a password: then nothing of it takes effect, and whoever reloads keeps the accounts that it had.
 */
import { readConfigOctets } from "../config/load.js";
import { EXIT, ExitError } from "../exit.js";
import { maildirAt } from "../maildir/maildir.js";
import type { Account, Accounts } from "./account.js";
import { type Entry, readEntries } from "./entry.js";
import { readExtraFields } from "./extra-fields.js";
import { defaultHome } from "./home.js";
import { readQuotaRules } from "./quota-rule.js";
import { canUseArgon2 } from "./schemes/argon2.js";
import { readStoredPassword } from "./schemes.js";
import { addressOfUser } from "./username.js";

export interface AccountsOptions {
  /** The home of an account that names none is `<mailRoot>/<domain>/<local-part>`. */
  readonly mailRoot: string;
  /** The domain of a user who is written without one. */
  readonly defaultDomain: string;
  /** What is wrong with the extra fields that the daemon knows. */
  readonly wrongFields?: (extra: Account["extra"]) => readonly string[];
}

/**
 * Reads the accounts file. Throws an ExitError: 78 for what is wrong in it or when it is missing, 77 where it may not
 * be read.
 */
export async function loadAccounts(file: string, options: AccountsOptions): Promise<Accounts> {
  // Dovecot does not mind a comment in Latin-1, so octets that are not UTF-8 are a mistake only where they matter.
  const { accounts, problems } = await parseAccounts((await readConfigOctets(file)).toString(), options);
  if (problems.length === 0) return new AccountTable(accounts);
  throw new ExitError(
    EXIT.configuration,
    problems.map(({ line, wrong }) => `${file}:${line}: ${wrong}`).join("\n"),
  );
}

export interface Problem {
  readonly line: number;
  /** What was found and what is allowed, without any part of a password. */
  readonly wrong: string;
}

/** The accounts of a file's text, by address, and everything that is wrong in it, in the order of its lines. */
export async function parseAccounts(
  text: string,
  options: AccountsOptions,
): Promise<{ accounts: ReadonlyMap<string, Account>; problems: readonly Problem[] }> {
  const accounts = new Map<string, Account>();
  const lines = new Map<string, number>();
  const problems: Problem[] = [];
  for (const entry of readEntries(text)) {
    const report = (wrong: string) => problems.push({ line: entry.line, wrong });
    const address = addressOfUser(entry.user, options.defaultDomain);
    const home = readHome(entry, address, options.mailRoot);
    const wrongPassword = await readPassword(entry);
    if (address === undefined)
      report(`user ${shownUser(entry)}: allowed is an address, or its local-part alone`);
    if (wrongPassword !== undefined) report(`password of ${shownUser(entry)}: ${wrongPassword}`);
    if (home.kind === "wrong") report(`home of ${shownUser(entry)}: ${home.wrong}`);
    if (address === undefined || home.kind === "wrong") continue;

    const other = lines.get(address);
    if (other !== undefined) report(`user ${address} is on line ${other} already; allowed is one entry`);
    lines.set(address, other ?? entry.line);
    const maildir = maildirAt(`${home.path}/Maildir`);
    const extra = readExtraFields(entry.extra);
    for (const wrong of readQuotaRules(extra).wrong) report(`${address}: ${wrong}`);
    for (const wrong of options.wrongFields?.(extra) ?? []) report(`${address}: ${wrong}`);
    accounts.set(address, { address, password: entry.password ?? "", home: home.path, maildir, extra });
  }
  return { accounts, problems };
}

/** What is wrong with a password field, if anything is. */
async function readPassword({ password = "" }: Entry): Promise<string | undefined> {
  if (/[\0\ufffd]/.test(password)) return "it holds a NUL or octets that are not UTF-8";
  const stored = readStoredPassword(password);
  if (stored.kind === "unusable") return stored.wrong;
  const library = stored.kind === "credential" ? stored.credential.library : undefined;
  if (library === undefined || (await canUseArgon2())) return undefined;
  return `its scheme needs the optional package ${library}, which is not installed or does not run on this machine`;
}

type Home =
  | { readonly kind: "home"; readonly path: string }
  | { readonly kind: "wrong"; readonly wrong: string };

function readHome({ home }: Entry, address: string | undefined, mailRoot: string): Home {
  if (home !== "") {
    if (!/^\/[^\0]*$/.test(home))
      return { kind: "wrong", wrong: `${shown(home)}; allowed is an absolute path` };
    return { kind: "home", path: home.replace(/(?<=.)\/+$/, "") };
  }
  const path = address === undefined ? mailRoot : defaultHome(address, mailRoot);
  if (path !== undefined) return { kind: "home", path };
  return {
    kind: "wrong",
    wrong: "none is named, and the local-part cannot name a directory; name one in the sixth field",
  };
}

/** The user of an entry, unless the line could be a piece of another, broken in the middle of its password. */
function shownUser({ user, password }: Entry): string {
  return password === undefined || /[{}$]/.test(user) ? "(not shown, it may be a password)" : shown(user);
}

const SHOWN_CHARACTERS_MAX = 60;

function shown(field: string): string {
  const short = field.length > SHOWN_CHARACTERS_MAX ? `${field.slice(0, SHOWN_CHARACTERS_MAX)}…` : field;
  return JSON.stringify(short);
}

/** The accounts of one reading of the file, by address. */
class AccountTable implements Accounts {
  readonly #accounts: ReadonlyMap<string, Account>;

  constructor(accounts: ReadonlyMap<string, Account>) {
    this.#accounts = accounts;
  }

  get size(): number {
    return this.#accounts.size;
  }

  find(address: string): Account | undefined {
    return this.#accounts.get(address);
  }

  all(): Iterable<Account> {
    return this.#accounts.values();
  }
}
