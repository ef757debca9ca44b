/** How long each stage of a session may take (RFC 5321 §4.5.3.2), in milliseconds. Types only. */

export interface StageTimes {
  readonly connectMs: number;
  /** §4.5.3.2.1 */
  readonly greetingMs: number;
  /** §4.5.3.2.2, §4.5.3.2.3: the reply to MAIL or RCPT, and to whatever has no time of its own. */
  readonly commandMs: number;
  /** §4.5.3.2.4: the reply to DATA. */
  readonly dataMs: number;
  /** §4.5.3.2.5: until the host takes a block of the message. */
  readonly blockMs: number;
  /** §4.5.3.2.6: the reply to the end of the message. */
  readonly endMs: number;
}
