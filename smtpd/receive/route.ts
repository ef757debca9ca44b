/**
 * Where a forward-path leads. Pure.
 *
 * Whatever the spelling, only the domain behind the last `@` that is not quoted decides whose mail it is (the address
 * parser has found it): `u%ext@us`, `ext!u@us` and `"u@ext"@us` are local-parts of ours that do not exist, and
 * `@us:u@ext` is `u@ext`. No local-part is ever taken for a route.
 */
import type { Account, Accounts } from "../../shared/accounts/account.js";
import { addressOfLiteral, type Mailbox, mailboxKey, withoutDetail } from "../../shared/address.js";
import { type Aliases, catchAllOf, targetsOf } from "./aliases.js";

/** What the way of a mailbox depends on. */
export interface Directory {
  readonly domains: ReadonlySet<string>;
  readonly defaultDomain: string;
  readonly accounts: Accounts;
  readonly aliases: Aliases;
}

export type Route =
  /** Mailboxes of ours. `missing`: targets of an alias that exist nowhere, for the log. */
  | { readonly kind: "local"; readonly accounts: readonly Account[]; readonly missing: readonly Mailbox[] }
  /** A domain of others. */
  | { readonly kind: "remote" }
  /** A domain of ours, but an alias leads to others, and perhaps to mailboxes of ours as well. */
  | {
      readonly kind: "forwarded";
      readonly to: readonly Mailbox[];
      readonly accounts: readonly Account[];
      readonly missing: readonly Mailbox[];
    }
  /** A domain of ours, and no such mailbox. */
  | { readonly kind: "unknown" };

/**
 * The way of a mailbox.
 * @param localAddress the IP address on which the client reached us: `user@[it]` is mail for our default domain
 *   (RFC 5321 §4.1.3), any other literal is somebody else's
 */
export function route(mailbox: Mailbox, localAddress: string, directory: Directory): Route {
  const ours = asOurs(mailbox, localAddress, directory);
  if (ours === undefined) return { kind: "remote" };

  const resolved = new Resolution(directory);
  resolved.follow(ours);
  const { missing, remote } = resolved;
  const accounts = [...resolved.accounts];
  if (remote.length > 0) return { kind: "forwarded", to: remote, accounts, missing };
  return accounts.length === 0 ? { kind: "unknown" } : { kind: "local", accounts, missing };
}

/** The mailbox with a domain of ours, or undefined when it is not ours. */
function asOurs(
  mailbox: Mailbox,
  localAddress: string,
  { domains, defaultDomain }: Directory,
): Mailbox | undefined {
  if (domains.has(mailbox.domain)) return mailbox;
  const literal = addressOfLiteral(mailbox.domain);
  return literal !== undefined && literal === localAddress
    ? { ...mailbox, domain: defaultDomain }
    : undefined;
}

/** Follows aliases from one mailbox to all that it stands for; each mailbox is followed once. */
class Resolution {
  readonly accounts = new Set<Account>();
  readonly remote: Mailbox[] = [];
  readonly missing: Mailbox[] = [];
  readonly #directory: Directory;
  readonly #followed = new Set<string>();

  constructor(directory: Directory) {
    this.#directory = directory;
  }

  follow(mailbox: Mailbox): void {
    const key = mailboxKey(mailbox);
    if (this.#followed.has(key)) return;
    this.#followed.add(key);
    if (!this.#directory.domains.has(mailbox.domain)) {
      this.remote.push(mailbox);
      return;
    }
    if (!this.#followTargets(mailbox) && !this.#followCatchAll(mailbox)) this.missing.push(mailbox);
  }

  /** The mailbox itself, then without its detail: an alias goes before the account of the same name. */
  #followTargets(mailbox: Mailbox): boolean {
    const plain = withoutDetail(mailbox);
    for (const candidate of plain === undefined ? [mailbox] : [mailbox, plain]) {
      const key = mailboxKey(candidate);
      const targets = targetsOf(this.#directory.aliases, candidate);
      const account = this.#directory.accounts.find(key);
      if (targets === undefined && account === undefined) continue;
      this.#followed.add(key);
      if (
        account !== undefined &&
        (targets === undefined || targets.some((target) => mailboxKey(target) === key))
      ) {
        this.accounts.add(account);
      }
      for (const target of targets ?? []) this.follow(target);
      return true;
    }
    return false;
  }

  #followCatchAll(mailbox: Mailbox): boolean {
    const targets = catchAllOf(this.#directory.aliases, mailbox.domain);
    for (const target of targets ?? []) this.follow(target);
    return targets !== undefined;
  }
}
