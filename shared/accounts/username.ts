/** From the name that a person logs in by, or that stands in the accounts file, to an account's address. Pure. */
import { mailboxKey, parseMailbox } from "../address.js";
import { prepareQuery } from "../sasl/saslprep.js";

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

/**
 * The address of whoever logs in as `name`, prepared by SASLprep (RFC 4013): the same for every spelling that a login may
 * have. Undefined when it can be nobody's. Of an address the local-part is prepared, since a domain has rules of its own
 * (IDNA), and the two may be written in different directions.
 */
export function addressTried(name: string, defaultDomain: string): string | undefined {
  if (Buffer.byteLength(name) > USERNAME_OCTETS_MAX) return undefined;
  const at = name.lastIndexOf("@");
  const prepared = prepareQuery(at < 0 ? name : name.slice(0, at));
  if (prepared === undefined) return undefined;
  return addressOfUser(at < 0 ? prepared : prepared + name.slice(at), defaultDomain);
}

/** The same; but an account whose name in the accounts file is not as SASLprep would have it is found, too. */
export function addressOfLogin(
  name: string,
  defaultDomain: string,
  exists: (address: string) => boolean,
): string | undefined {
  const tried = addressTried(name, defaultDomain);
  if (tried === undefined) return undefined;
  const asSent = addressOfUser(name, defaultDomain);
  return asSent !== undefined && exists(asSent) ? asSent : tried;
}
