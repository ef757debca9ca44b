/**
 * Logins by an OAuth 2.0 access token: who an authorization server says that it belongs to, and which account that is.
 *
 * How much is asked at once, how much waits and for how long is bounded; what cannot be asked is `unavailable`. A token
 * that was good is remembered for a minute at most, never beyond its expiry, under a hash with a key that exists in
 * this process only. So a token that is revoked works for up to a minute more. Refusals are not remembered: a token
 * may become good, and to ask costs whoever guesses more than it costs us (login-failures.ts).
 */
import { Slots } from "../../slots.js";
import type { Accounts, Verdict } from "../account.js";
import { isLocked } from "../locked.js";
import { LoginCache } from "../login-cache.js";
import { UnderWay } from "../under-way.js";
import { addressOfUser } from "../username.js";
import { type IntrospectionEndpoint, IntrospectionError, introspect } from "./introspection.js";
import { readTokenAnswer, type TokenAnswer, type TokenRules } from "./introspection-answer.js";

/** Larger than any access token in use; some hold a whole list of groups. */
export const TOKEN_OCTETS_MAX = 16 * 1024;
const SLOTS = { atOnce: 16, waiting: 256, waitMs: 10_000 };

export interface TokenLoginsOptions {
  readonly endpoint: IntrospectionEndpoint;
  readonly rules: TokenRules;
  /** The accounts in force; asked at each login. */
  readonly accounts: () => Accounts;
  /** The domain of a user who is named without one, by the client or by the token. */
  readonly defaultDomain: string;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

export class TokenLogins {
  readonly #options: TokenLoginsOptions;
  readonly #now: () => number;
  readonly #slots = new Slots(SLOTS);
  /** What was said of tokens that were good. */
  readonly #cache = new LoginCache<TokenAnswer>();
  readonly #underWay = new UnderWay<TokenAnswer>();

  constructor(options: TokenLoginsOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /**
   * Checks a token, which must belong to `username` where the client has given one. Never rejects.
   * @param username as the client sent it
   */
  async login(username: string | undefined, token: string): Promise<Verdict> {
    const { accounts, defaultDomain } = this.#options;
    const claimed = username === undefined ? undefined : addressOfUser(username, defaultDomain);
    if (username !== undefined && claimed === undefined) return refused("no such user name");
    if (!canBeToken(token)) return refused("this is no token");
    try {
      const answer = await this.#ask(token);
      if (answer.kind === "refused") return answer;
      const address = addressOfUser(answer.username, defaultDomain);
      if (claimed !== undefined && claimed !== address) return refused("the token is another user's");
      const account = address === undefined ? undefined : accounts().find(address);
      if (account === undefined) return refused("the token's user has no account");
      return isLocked(account.password) ? refused("the account is locked") : { kind: "granted", account };
    } catch (cause) {
      return { kind: "unavailable", cause };
    }
  }

  /** Whoever waits is told that nobody can say. */
  close(): void {
    this.#slots.close();
  }

  async #ask(token: string): Promise<TokenAnswer> {
    const name = this.#cache.nameOf(token);
    const known = this.#cache.get(name, this.#now());
    if (known !== undefined) return known;
    return this.#underWay.once(name, () => this.#slots.run(() => this.#introspect(name, token)));
  }

  async #introspect(name: string, token: string): Promise<TokenAnswer> {
    const { endpoint, rules } = this.#options;
    const body = await introspect(endpoint, token);
    const now = this.#now();
    const answer = readTokenAnswer(body, rules, now);
    if (answer === undefined) {
      throw new IntrospectionError("NO_ANSWER", `${endpoint.url} answers with nothing that RFC 7662 knows`);
    }
    if (answer.kind === "active") this.#cache.add(name, answer, now, answer.expiresAt);
    return answer;
  }
}

/** RFC 6749 §A.12: access-token = 1*VSCHAR. */
function canBeToken(token: string): boolean {
  return token.length <= TOKEN_OCTETS_MAX && /^[\x20-\x7e]+$/.test(token);
}

function refused(reason: string): Verdict {
  return { kind: "refused", reason };
}
