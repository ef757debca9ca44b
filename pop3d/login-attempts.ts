/**
 * The logins that one connection tries: each is checked in its turn and logged, and a failed one is counted against the
 * client's address and the user whom it was for.
 */
import type { Authenticator } from "../shared/accounts/account.js";
import type { Log } from "../shared/log.js";
import type { LoginGuard } from "../shared/login-guard.js";
import { isGuess, performCheck } from "../shared/sasl/check.js";
import type { Check, Checked } from "../shared/sasl/mechanism.js";
import type { LoginMethod } from "./protocol.js";

/** A response of SASL may hold a name of many kilobytes. */
const USERNAME_CHARACTERS_LOGGED = 256;

export interface LoginServices {
  readonly authenticator: Authenticator;
  readonly guard: LoginGuard;
}

export class LoginAttempts {
  readonly #services: LoginServices;
  readonly #address: string;
  readonly #log: Log;
  /** What the last check was about. */
  #last: Tried = NOTHING_TRIED;

  /**
   * @param address that the client is counted by
   * @param log bound to the connection
   */
  constructor(services: LoginServices, address: string, log: Log) {
    this.#services = services;
    this.#address = address;
    this.#log = log;
  }

  /** Makes a check that a login needs. Never rejects. */
  async check(check: Check, method: LoginMethod): Promise<Checked> {
    const { authenticator, guard } = this.#services;
    const { username } = check;
    const shown = username?.slice(0, USERNAME_CHARACTERS_LOGGED);
    this.#last = { username, method };
    const perform = () => performCheck(authenticator, check);
    const checked = await (isGuess(check)
      ? guard.check({ address: this.#address, username }, perform)
      : perform());
    if (checked.kind === "unavailable") {
      this.#log.error({ username: shown, method, err: checked.cause }, "login cannot be checked");
    }
    if (checked.kind === "refused") this.#last = { username, method, reason: checked.reason };
    return checked;
  }

  /** Counts a failed login, and logs it; returns how many milliseconds its reply has to wait. */
  failed(): number {
    const last = this.#last;
    // What is refused by its form alone, without a check, is nobody's failure but the address's.
    this.#last = NOTHING_TRIED;
    // All that costs a delay is logged by this one line, which fail2ban reads (etc/fail2ban).
    const username = last.username?.slice(0, USERNAME_CHARACTERS_LOGGED);
    this.#log.info({ ...last, username }, "login failed");
    return this.#services.guard.failed({ address: this.#address, username: last.username });
  }
}

interface Tried {
  readonly username?: string | undefined;
  readonly method?: LoginMethod;
  readonly reason?: string | undefined;
}

const NOTHING_TRIED: Tried = {};
