/** Octets that are no commands: those of a message after DATA, or of a chunk of one after BDAT. Types only. */
import type { MessageAnswer } from "./receiver.js";

export interface Incoming {
  /** What the log says of it. */
  readonly text: string;
  /** True for what brings no message nearer. */
  readonly idle: boolean;
  /** True where no octet is waited for. */
  readonly complete: boolean;
  /**
   * Takes the next octets off the wire, and may change them. Resolves when there is room for more, to what came after the
   * last of them, or to undefined while more are waited for. Never rejects.
   */
  take(octets: Buffer): Promise<Buffer | undefined>;
  /** They have all come. Never rejects. */
  finish(): Promise<Finished>;
}

export interface Finished {
  readonly answer: MessageAnswer;
  /** True where the mail transaction is over, whatever became of it. */
  readonly ends: boolean;
}
