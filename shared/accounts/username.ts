/** From the name that a person logs in by, or that stands in the accounts file, to an account's address. Pure. */
import { mailboxKey, parseMailbox } from "../address.js";

/** The longest mailbox of RFC 5321 §4.5.3.1, every octet of its local-part quoted: 64 * 2 + 2 + 1 + 255. */
const USERNAME_OCTETS_MAX = 386;

/**
 * The canonical address of `name`, which is a mailbox or a bare local-part of `defaultDomain`. Case does not
 * matter. Undefined when the name can be nobody's.
 */
export function addressOfUser(name: string, defaultDomain: string): string | undefined {
  if (Buffer.byteLength(name) > USERNAME_OCTETS_MAX) return undefined;
  // What could not be decoded as UTF-8 must not meet another name that could not be, either.
  if (name.includes("\ufffd")) return undefined;
  const mailbox = parseMailbox(name) ?? parseMailbox(`${name}@${defaultDomain}`);
  return mailbox && mailboxKey(mailbox);
}
