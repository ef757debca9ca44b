/** Where an account's mail lies when its entry names no home. The one place where a local-part becomes a path. Pure. */
import { parseMailbox } from "../address.js";

/**
 * `<mailRoot>/<domain>/<local-part>` of a canonical address. Undefined where the local-part would lead elsewhere than
 * into one directory of its own, or into a hidden one: `..`, anything with `/`, anything that begins with a dot.
 */
export function defaultHome(address: string, mailRoot: string): string | undefined {
  const mailbox = parseMailbox(address);
  if (mailbox === undefined || /^\.|[/\0]/.test(mailbox.localPart)) return undefined;
  return `${mailRoot}/${mailbox.domain}/${mailbox.localPart}`;
}
