/**
 * Logins that a checkpassword program checks: the door to PAM, LDAP, SQL and whatever else such a program knows.
 *
 * The program is told the name as we compare names, in lower case: the whole address where the client gave one, else the
 * local-part alone. The account is the one of that name in the accounts file, whose password field does not matter then
 * (unless it begins with "!", which locks the account); else one whose home is the HOME that the program gave. That a wrong
 * password and an unknown user take the same time is up to the program.
 *
 * How many run at once, how many logins wait and for how long is bounded, and so is each run. Beyond that, and whenever a
 * program says anything but yes or no, a login is `unavailable`. There is no SCRAM, since that needs what only the program
 * knows.
 */
import { randomBytes } from "node:crypto";
import { parseMailbox } from "../../address.js";
import type { Log } from "../../log.js";
import { maildirAt } from "../../maildir/maildir.js";
import { prepareQuery } from "../../sasl/saslprep.js";
import { type SlotCounts, Slots } from "../../slots.js";
import type { Account, Accounts, Authenticator, ScramLookup, Verdict } from "../account.js";
import { isLocked } from "../locked.js";
import { LoginCache } from "../login-cache.js";
import type { TokenLogins } from "../oauth/token-logins.js";
import { UnderWay } from "../under-way.js";
import { addressOfLogin } from "../username.js";
import { CheckerProcess } from "./checker-process.js";
import { type CheckerOutcome, checkerInput, programToRun, readCheckerEnd } from "./interface.js";

/** PAM's own delay after a failure is two seconds; a directory may be slow. */
const CHECK_MS_MAX = 20_000;
const SLOTS: SlotCounts = { atOnce: 16, waiting: 256, waitMs: 15_000 };

export interface CheckpasswordOptions {
  readonly program: string;
  readonly args: readonly string[];
  /** env(1), by its absolute path. */
  readonly env: string;
  /** The accounts in force; asked at each login. */
  readonly accounts: () => Accounts;
  /** The domain of a user who logs in by a bare name. */
  readonly defaultDomain: string;
  readonly log: Log;
  /** Who checks tokens; without it none is taken. */
  readonly tokens?: TokenLogins | undefined;
  readonly slots?: SlotCounts;
  readonly checkMs?: number;
}

type Granted = Extract<CheckerOutcome, { kind: "granted" }>;

export class CheckpasswordLogins implements Authenticator {
  readonly #options: CheckpasswordOptions;
  readonly #slots: Slots;
  readonly #running = new Set<CheckerProcess>();
  readonly #cache = new LoginCache<Granted>();
  readonly #underWay = new UnderWay<CheckerOutcome>();
  #closed = false;

  constructor(options: CheckpasswordOptions) {
    this.#options = options;
    this.#slots = new Slots(options.slots ?? SLOTS);
  }

  get takesTokens(): boolean {
    return this.#options.tokens !== undefined;
  }

  async authenticateToken(username: string | undefined, token: string): Promise<Verdict> {
    return this.#options.tokens?.login(username, token) ?? REFUSED;
  }

  get takesScram(): boolean {
    return false;
  }

  async scramKeys(): Promise<ScramLookup> {
    return { kind: "unavailable", cause: new Error("there is no SCRAM where a program checks passwords") };
  }

  confirm(): Verdict {
    return REFUSED;
  }

  async authenticate(username: string, password: string): Promise<Verdict> {
    // RFC 4616 §2. The program gets the password as it was sent: whether it would prepare it, nobody knows.
    if (prepareQuery(password) === undefined) return REFUSED;
    try {
      const address = this.#addressOf(username);
      if (address === undefined) return REFUSED;
      const outcome = await this.#check(nameToCheck(username, address), password);
      if (outcome.kind === "granted") return this.#verdict(address, outcome.home);
      return outcome.kind === "refused" ? REFUSED : unavailable(`the password checker ${outcome.why}`);
    } catch (cause) {
      return { kind: "unavailable", cause };
    }
  }

  /** Ends what runs; logins are `unavailable` from then on. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#options.tokens?.close();
    this.#slots.close();
    for (const checker of this.#running) checker.kill();
    await Promise.all([...this.#running].map((checker) => checker.ended));
  }

  #addressOf(username: string): string | undefined {
    const { accounts, defaultDomain } = this.#options;
    return addressOfLogin(username, defaultDomain, (address) => accounts().find(address) !== undefined);
  }

  async #check(name: string, password: string): Promise<CheckerOutcome> {
    const remembered = this.#cache.nameOf(name, password);
    const known = this.#cache.get(remembered, performance.now());
    if (known !== undefined) return known;
    const outcome = await this.#underWay.once(remembered, () => this.#run(name, password));
    if (outcome.kind === "granted") this.#cache.add(remembered, outcome, performance.now());
    return outcome;
  }

  /** Runs the program in its turn. The turn lasts until nothing is left of it, the answer may come sooner. */
  #run(name: string, password: string): Promise<CheckerOutcome> {
    // A timestamp is what APOP would need; no checker that takes a password looks at it.
    const input = checkerInput(name, password, `${Math.floor(Date.now() / 1000)}`);
    if (input === undefined) return Promise.resolve({ kind: "refused" });
    return new Promise((resolve, reject) => {
      const turn = this.#slots.run(async () => {
        const word = randomBytes(16).toString("hex");
        const checker = this.#start(input, word);
        this.#running.add(checker);
        this.#outcomeOf(checker, word).then(resolve, reject);
        await checker.ended;
        this.#running.delete(checker);
      });
      turn.catch(reject);
    });
  }

  #start(input: Buffer, word: string): CheckerProcess {
    const { program, args, env, checkMs: msMax = CHECK_MS_MAX } = this.#options;
    if (this.#closed) throw new Error("passwords are no longer checked");
    return new CheckerProcess({ program, args: [...args, ...programToRun(env, word)], input, msMax });
  }

  async #outcomeOf(checker: CheckerProcess, word: string): Promise<CheckerOutcome> {
    const { stderr, ...end } = await checker.outcome;
    if (stderr !== "") this.#options.log.warn({ program: this.#options.program, stderr }, "password checker");
    return readCheckerEnd(end, word);
  }

  #verdict(address: string, home: string | undefined): Verdict {
    const account = this.#options.accounts().find(address) ?? accountAt(address, home);
    if (account === undefined) {
      return unavailable(
        `${address} has no entry in the accounts file, and the password checker gave no HOME`,
      );
    }
    return isLocked(account.password)
      ? { kind: "refused", reason: "the account is locked" }
      : { kind: "granted", account };
  }
}

const REFUSED: Verdict = { kind: "refused" };

function unavailable(why: string): Verdict {
  return { kind: "unavailable", cause: new Error(why) };
}

/** What a checker is told: other spellings of a name must not be other users to it, since they are one account to us. */
function nameToCheck(username: string, address: string): string {
  if (parseMailbox(username) !== undefined) return address;
  return parseMailbox(address)?.localPart ?? address;
}

function accountAt(address: string, home: string | undefined): Account | undefined {
  if (home === undefined) return undefined;
  return { address, password: "", home, maildir: maildirAt(`${home}/Maildir`), extra: new Map() };
}
