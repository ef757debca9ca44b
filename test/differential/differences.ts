/**
 * Where Dovecot 2.3 and pop3d differ, each with the sentence that says who is right. A row that no longer describes what
 * happens fails the test, as a difference without a row does.
 */

export interface Difference {
  /** The line that is answered differently; "" is the greeting, "left" what lies in the Maildir afterwards. */
  readonly at: string;
  /** The dialogues in which it is seen. */
  readonly dialogues: RegExp;
  readonly dovecot: RegExp;
  readonly ours: RegExp;
  /** The sentence, with its source. */
  readonly because: string;
}

export const DIFFERENCES: readonly Difference[] = [];
