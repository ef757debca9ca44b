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

export interface LoginServices {
  readonly authenticator: Authenticator;
  readonly guard: LoginGuard;
}

export class LoginAttempts {
  readonly #services: LoginServices;
  readonly #address: string;
  readonly #log: Log;
  /** Whom the last check was about. */
  #username: string | undefined;

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
    this.#username = username;
    const perform = () => performCheck(authenticator, check);
    const checked = await (isGuess(check)
      ? guard.check({ address: this.#address, username }, perform)
      : perform());
    if (checked.kind === "unavailable") {
      this.#log.error({ username, method, err: checked.cause }, "login cannot be checked");
    }
    if (checked.kind === "refused") {
      this.#log.info({ username, method, reason: checked.reason }, "login failed");
    }
    return checked;
  }

  /** Counts a failed login; returns how many milliseconds its reply has to wait. */
  failed(): number {
    const username = this.#username;
    // What is refused by its form alone, without a check, is nobody's failure but the address's.
    this.#username = undefined;
    return this.#services.guard.failed({ address: this.#address, username });
  }
}
