/**
 * Which addresses an account may send as (RFC 6409 §6.1). Pure.
 *
 *   its own address, with any detail         alice@example.org, alice+lists@example.org
 *   aliases and catch-alls that lead to it   directly or over others; never the address of another account
 *   what its entry grants                    userdb_send_as=sales@example.net,@example.com
 *
 * `@example.com` and `*@example.com` grant every address of that domain, `*` any address at all. The null reverse-path is
 * everybody's: mail programs send receipts with it.
 */
import type { Account } from "../../shared/accounts/account.js";
import { type Mailbox, mailboxKey, parseMailbox, withoutDetail } from "../../shared/address.js";
import { type Directory, route } from "./route.js";

const FIELD = "userdb_send_as";

type Grant =
  | { readonly kind: "mailbox"; readonly key: string }
  | { readonly kind: "domain"; readonly domain: string }
  | { readonly kind: "any" };

/** Whether mail of this account may come from that address. */
export function maySendAs(account: Account, mailbox: Mailbox, directory: Directory): boolean {
  const keys = keysOf(mailbox);
  if (keys.includes(account.address)) return true;
  if (grantsOf(account.extra).some((grant) => covers(grant, mailbox, keys))) return true;
  // An alias that gives somebody a copy of another's mail does not give them the other's name.
  if (keys.some((key) => directory.accounts.find(key) !== undefined)) return false;
  if (!directory.domains.has(mailbox.domain)) return false;
  const way = route(mailbox, "", directory);
  if (way.kind !== "local" && way.kind !== "forwarded") return false;
  return way.accounts.some(({ address }) => address === account.address);
}

/** What is wrong with the field that grants addresses; for the reader of the accounts file. */
export function wrongSendAs(extra: Account["extra"]): string[] {
  return itemsOf(extra)
    .filter((item) => parseGrant(item) === undefined)
    .map((item) => `${FIELD}: found ${JSON.stringify(item)}; allowed is an address, @domain or *`);
}

function keysOf(mailbox: Mailbox): string[] {
  const plain = withoutDetail(mailbox);
  return [mailbox, plain].filter((one) => one !== undefined).map(mailboxKey);
}

function covers(grant: Grant, mailbox: Mailbox, keys: readonly string[]): boolean {
  switch (grant.kind) {
    case "any":
      return true;
    case "domain":
      return grant.domain === mailbox.domain;
    case "mailbox":
      return keys.includes(grant.key);
  }
}

function grantsOf(extra: Account["extra"]): Grant[] {
  return itemsOf(extra)
    .map(parseGrant)
    .filter((grant) => grant !== undefined);
}

function itemsOf(extra: Account["extra"]): string[] {
  const value = extra.get(FIELD);
  return value === undefined ? [] : value.split(",").map((item) => item.trim());
}

function parseGrant(item: string): Grant | undefined {
  if (item === "*") return { kind: "any" };
  if (/^\*?@/.test(item)) {
    const probe = parseMailbox(`x${item.replace(/^\*/, "")}`);
    return probe && { kind: "domain", domain: probe.domain };
  }
  const mailbox = parseMailbox(item);
  return mailbox && { kind: "mailbox", key: mailboxKey(mailbox) };
}
