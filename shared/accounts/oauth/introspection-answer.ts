/**
 * What an authorization server says of a token (RFC 7662 §2.2), and whether that is enough to log in with. Pure.
 *
 * An answer that is none of RFC 7662's says nothing about the token: that is trouble, and no refusal.
 */

/** What a token must be good for, beyond being active. */
export interface TokenRules {
  /** The member of the answer that names the user. */
  readonly usernameClaim: string;
  /** Scopes that it must have, parted by spaces. */
  readonly scope?: string | undefined;
  /** Whom it must be meant for. */
  readonly audience?: string | undefined;
}

export type TokenAnswer =
  | {
      readonly kind: "active";
      readonly username: string;
      /** Milliseconds since 1970; infinite where the answer does not say. */
      readonly expiresAt: number;
    }
  /** `reason` is for the log. */
  | { readonly kind: "refused"; readonly reason: string };

/**
 * Reads the JSON of an answer. Undefined for what is no answer at all.
 * @param now milliseconds since 1970
 */
export function readTokenAnswer(json: string, rules: TokenRules, now: number): TokenAnswer | undefined {
  const answer = parseObject(json);
  const active = answer?.get("active");
  if (answer === undefined || typeof active !== "boolean") return undefined;
  // RFC 7662 §2.2: of a token that is not active, or that we may not ask about, no more than this is said.
  if (!active) return refused("the token is not active");

  const expires = secondsOf(answer, "exp");
  const begins = secondsOf(answer, "nbf");
  if (expires === "wrong" || begins === "wrong") return undefined;
  if (expires !== undefined && expires * 1000 <= now) return refused("the token has expired");
  if (begins !== undefined && begins * 1000 > now) return refused("the token is not valid yet");
  if (!hasScopes(answer.get("scope"), rules.scope)) return refused("the token lacks the scope");
  if (!isFor(answer.get("aud"), rules.audience)) return refused("the token is for another audience");

  const username = answer.get(rules.usernameClaim);
  if (typeof username !== "string" || username === "") {
    return refused(`the token names no user in "${rules.usernameClaim}"`);
  }
  return { kind: "active", username, expiresAt: (expires ?? Number.POSITIVE_INFINITY) * 1000 };
}

function refused(reason: string): TokenAnswer {
  return { kind: "refused", reason };
}

/** The members of an object; a Map, so that no name reaches what objects inherit. */
function parseObject(json: string): ReadonlyMap<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    return new Map(Object.entries(value));
  } catch {
    return undefined;
  }
}

/** RFC 7519 §2: a NumericDate, seconds since 1970. */
function secondsOf(answer: ReadonlyMap<string, unknown>, name: string): number | undefined | "wrong" {
  const seconds = answer.get(name);
  if (seconds === undefined || seconds === null) return undefined;
  return typeof seconds === "number" ? seconds : "wrong";
}

/** RFC 7662 §2.2: `scope` is a string of scopes, parted by spaces. */
function hasScopes(scope: unknown, wanted = ""): boolean {
  const has = new Set(typeof scope === "string" ? scope.split(" ") : []);
  return wanted.split(" ").every((one) => one === "" || has.has(one));
}

/** RFC 7519 §4.1.3: `aud` is a string or a list of strings. */
function isFor(audience: unknown, wanted: string | undefined): boolean {
  if (wanted === undefined) return true;
  return Array.isArray(audience) ? audience.includes(wanted) : audience === wanted;
}
