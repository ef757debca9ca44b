/**
 * The texts of replies, which are for people. Pure. What programs read in a reply is not here and has no language.
 *
 * English is the language of the code: a text that is the same whatever the case stands here as it is sent, and is its
 * own key. One that is told something (a number, a verb) has a key that says what it is about, and its parameters. A new
 * text is added here; the compiler then asks for it in every language.
 */

export const PLAIN_TEXTS = [
  // +OK
  "begin TLS",
  "capabilities follow",
  "goodbye",
  "languages follow",
  "mechanisms follow",
  "nothing done",
  "password please",
  // In the language just chosen, and of it.
  "replies are in English now",
  "top of message follows",
  "UTF-8 mode is on",
  // -ERR: what the client asked for is wrong, or there is no such thing
  "already logged in",
  "another program has removed this message",
  "another session has this maildrop open",
  "authentication cancelled",
  "command not understood, or not at this time",
  "command too long",
  "language not available",
  "no passwords before TLS, use STLS",
  "no passwords without TLS",
  "no such message",
  "response is not base64",
  "response not understood",
  "some deleted messages not removed",
  "STLS comes before UTF8",
  "this command is not supported",
  "the last login was too short a time ago",
  "this message needs UTF-8 mode",
  "TLS is active",
  "TLS is not available",
  "unknown mechanism",
  "USER first",
  "wrong user name or password",
  // -ERR: trouble of ours; what can be done about it follows
  "logins cannot be checked now",
  "maildrop cannot be opened",
  "message cannot be read",
  "too many connections",
] as const;

export type PlainText = (typeof PLAIN_TEXTS)[number];

/** The texts that are told something, and what that is. */
export interface ToldTexts {
  /** LIST: what follows; not counting what is marked as deleted. */
  readonly "maildrop listing": { readonly count: number; readonly octets: number };
  /** The same where nothing follows. */
  readonly "maildrop has": { readonly count: number; readonly octets: number };
  readonly "unique-ids follow": { readonly count: number };
  readonly "message deleted": { readonly number: number };
  readonly "wrong arguments": { readonly verb: string };
  /** The trouble, and that it may pass. */
  readonly "try again later": { readonly trouble: PlainText };
  /** The trouble, and that it will not pass by itself. */
  readonly "ask the postmaster": { readonly trouble: PlainText };
}

export type ToldText<K extends keyof ToldTexts = keyof ToldTexts> = {
  [P in K]: { readonly text: P } & ToldTexts[P];
}[K];

/** `"no such message"`, or `{ text: "message deleted", number: 1 }`. */
export type Text = PlainText | ToldText;
