/** Who a message is from, where it does not say so itself (RFC 5322 §3.4): `"Cron Daemon" <root@example.org>`. Pure. */
import { formatMailbox, isAscii, type Mailbox } from "../../shared/address.js";

/** A name is a line of at most so many characters. */
const NAME_CHARACTERS_MAX = 200;
/** RFC 2047 §2: an encoded-word has 75 characters at most, of which the frame `=?utf-8?B?…?=` takes 12, and base64 makes 4 of 3. */
const ENCODED_OCTETS_MAX = 45;

/** The value of From. @param name of the person or program; empty for none */
export function formatAuthor(name: string, mailbox: Mailbox): string {
  const phrase = formatPhrase(name);
  return phrase === "" ? formatMailbox(mailbox) : `${phrase} <${formatMailbox(mailbox)}>`;
}

function formatPhrase(name: string): string {
  const line = name.replace(/[\p{Cc}\p{Cs}\s]+/gu, " ").trim();
  const text = [...line].slice(0, NAME_CHARACTERS_MAX).join("");
  if (text === "") return "";
  return isAscii(text) ? `"${text.replace(/["\\]/g, "\\$&")}"` : encodedWords(text).join("\n ");
}

function encodedWords(text: string): string[] {
  const words = [""];
  for (const character of text) {
    const word = words.pop() ?? "";
    if (Buffer.byteLength(word + character) > ENCODED_OCTETS_MAX) words.push(word, character);
    else words.push(word + character);
  }
  return words.map((word) => `=?utf-8?B?${Buffer.from(word).toString("base64")}?=`);
}
