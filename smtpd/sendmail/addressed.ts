/** The addresses that sendmail is called with: whom from, and to whom. Pure. */
import { formatMailbox, type Mailbox, parseMailbox } from "../../shared/address.js";
import { EXIT, ExitError } from "../../shared/exit.js";
import { parseAddressList } from "../receive/address-list.js";

/**
 * The recipients that words of the command line name, each perhaps a list with names, each recipient once.
 * @param defaultDomain of those without a domain
 */
export function recipientsOf(words: readonly string[], defaultDomain: string): readonly Mailbox[] {
  return words.flatMap((word) => {
    const mailboxes = parseAddressList(word, defaultDomain);
    if (mailboxes !== undefined && mailboxes.length > 0) return mailboxes;
    throw new ExitError(EXIT.usage, `${JSON.stringify(word)} is no address`);
  });
}

/** The reverse-path that -f names; undefined for the null one. Throws an ExitError (64) when it is no address. */
export function senderOf(given: string, defaultDomain: string): Mailbox | undefined {
  if (given.trim() === "" || given.trim() === "<>") return undefined;
  const mailboxes = parseAddressList(given, defaultDomain);
  const [mailbox] = mailboxes ?? [];
  if (mailbox !== undefined && mailboxes?.length === 1) return mailbox;
  throw new ExitError(EXIT.usage, `${JSON.stringify(given)} is no address of a sender`);
}

/** The address of a user of this host. @param name as the system has it; where no address can have it, the number stands for it */
export function addressOfUser(name: string, uid: number, defaultDomain: string): Mailbox {
  const numbered = { localPart: `uid-${uid}`, domain: defaultDomain };
  return parseMailbox(formatMailbox({ localPart: name, domain: defaultDomain })) ?? numbered;
}

/** Each mailbox once, in the order in which they came. */
export function withoutDuplicates(mailboxes: readonly Mailbox[]): readonly Mailbox[] {
  return [...new Map(mailboxes.map((mailbox) => [formatMailbox(mailbox), mailbox])).values()];
}
