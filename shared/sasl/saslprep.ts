/**
 * SASLprep (RFC 4013): what user names and passwords are brought into before they are compared, so that it does not matter
 * by which of several ways a keyboard has made a character. Pure.
 */
import { saslprep } from "@mongodb-js/saslprep";

const PRINTABLE_ASCII = /^[\x20-\x7e]+$/;

/**
 * A name or password that somebody logs in with: a query string, in which characters newer than Unicode 3.2 are left as
 * they are. Undefined when it holds a character that is prohibited (RFC 4013 §2.3), mixes directions of writing against
 * its rules (§2.4), or is empty in the end..
 */
export function prepareQuery(text: string): string | undefined {
  return prepare(text, true);
}

/** A password that is to be stored: characters newer than Unicode 3.2 are prohibited too (RFC 4013 §2.5). */
export function prepareStored(text: string): string | undefined {
  return prepare(text, false);
}

function prepare(text: string, allowUnassigned: boolean): string | undefined {
  if (PRINTABLE_ASCII.test(text)) return text;
  try {
    return saslprep(text, { allowUnassigned }) || undefined;
  } catch {
    return undefined;
  }
}
