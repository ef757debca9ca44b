/** What comes of a command: a reply, or a reply with something to be done after it. The connection does both. */
import type { Incoming } from "./incoming.js";
import type { Reply } from "./reply.js";

export type Outcome = Reply | Effect;

export type Effect =
  /** A reply of several lines. */
  | { readonly kind: "lines"; readonly reply: Reply; readonly more: readonly string[] }
  /** The connection ends after it, and after the refusal of the command if there is one. */
  | {
      readonly kind: "close";
      readonly refusal?: Reply;
      readonly reply: Reply;
      readonly reason: string;
    }
  | { readonly kind: "starttls"; readonly reply: Reply }
  /** 334, and the next line is the answer (RFC 4954 §4). */
  | {
      readonly kind: "challenge";
      readonly text: string;
      readonly answer: (line: Buffer) => Outcome | Promise<Outcome>;
    }
  /** What follows is no command. After DATA it is asked for, by 354; after BDAT it comes unasked. */
  | { readonly kind: "octets"; readonly reply: Reply | undefined; readonly incoming: Incoming };
