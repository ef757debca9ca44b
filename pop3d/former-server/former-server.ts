/**
 * The POP3 server whose unique-ids are kept, as the configuration names it. Pure.
 *
 * A client knows by its unique-id what it has downloaded; with other ones it would download everything again.
 */
import { parseUidlFormat, type UidlFormat } from "./uidl-format.js";

export type FormerServer =
  | { readonly kind: "dovecot"; readonly format: UidlFormat }
  | { readonly kind: "courier" }
  | { readonly kind: "qmail" };

/** What an option may hold. */
export const UNIQUE_ID_FORMS =
  '"pillarbox", "courier", "qmail", or "dovecot:" with a pop3_uidl_format of %u and %v, %f or %g, such as "dovecot:%08Xu%08Xv"';

/** Who made the unique-ids of a maildrop: we, or a server before us. Undefined for anything else. */
export function parseUniqueIdOption(text: string): "pillarbox" | FormerServer | undefined {
  if (text === "pillarbox") return text;
  if (text === "courier" || text === "qmail") return { kind: text };
  const format = text.startsWith("dovecot:") ? parseUidlFormat(text.slice("dovecot:".length)) : undefined;
  return format && { kind: "dovecot", format };
}
