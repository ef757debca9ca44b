/** What comes of a command: a reply, or a reply with something to be done after it. The connection does both. */
import type { Reception } from "./reception.js";
import type { Reply } from "./reply.js";

export type Outcome = Reply | Effect;

export type Effect =
  /** A reply of several lines. */
  | { readonly kind: "lines"; readonly reply: Reply; readonly more: readonly string[] }
  /** The connection ends after it. */
  | { readonly kind: "close"; readonly reply: Reply; readonly reason: string }
  | { readonly kind: "starttls"; readonly reply: Reply }
  /** 334, and the next line is the answer (RFC 4954 §4). */
  | {
      readonly kind: "challenge";
      readonly text: string;
      readonly answer: (line: Buffer) => Outcome | Promise<Outcome>;
    }
  /** 354, and then the message. */
  | { readonly kind: "message"; readonly reply: Reply; readonly reception: Reception };
