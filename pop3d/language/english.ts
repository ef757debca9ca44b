/** English, in US-ASCII (RFC 1939 §3): what is spoken until a client asks for another language. Pure. */
import type { Language } from "./language.js";

export const english: Language = {
  tag: "en",
  name: "English",
  plain: (text) => text,
  told: {
    "maildrop listing": contents,
    "maildrop has": (maildrop) => `maildrop has ${contents(maildrop)}`,
    "unique-ids follow": ({ count }) => `${count} ${count === 1 ? "unique-id" : "unique-ids"}`,
    "message deleted": ({ number }) => `message ${number} deleted`,
    "wrong arguments": ({ verb }) => `wrong arguments for ${verb}`,
    "try again later": ({ trouble }) => `${trouble}, try again later`,
    "ask the postmaster": ({ trouble }) => `${trouble}, ask the postmaster`,
  },
};

/** "2 messages (320 octets)" */
function contents({ count, octets }: { readonly count: number; readonly octets: number }): string {
  return `${count} ${count === 1 ? "message" : "messages"} (${octets} ${octets === 1 ? "octet" : "octets"})`;
}
