/**
 * A message's identity (shared/maildir/name.ts) as a word in a file of ours: what is not printable ASCII, and "%", is
 * written "%" and two hexadecimal digits. Pure.
 */

/** What `identityAsWord` makes, for regular expressions. */
export const IDENTITY_WORD = "(?:[!-$&-~]|%[0-9a-f]{2})*";

export function identityAsWord(identity: string): string {
  return identity.replace(/[^!-~]|%/g, (c) => `%${c.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

export function identityOfWord(word: string): string {
  return word.replace(/%(..)/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
}
