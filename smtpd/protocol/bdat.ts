/**
 * BDAT (RFC 3030 §2), DATA by the count:
 *
 *   bdat-cmd = "BDAT" SP chunk-size [ SP "LAST" ] CRLF chunk
 *
 * The chunk follows without being asked for, so it is read whatever the reply to it will be: a chunk that is refused is
 * never taken for commands. Where its size cannot be told, or more would have to be read for nothing than is fair, the
 * connection ends.
 *
 * A chunk that is refused makes its transaction a failed one, lest the others be taken for the whole message: all that
 * follow are refused, until RSET, or until the last one has been. What is pipelined behind that belongs to the next.
 */
import { beginMessage } from "./begin-message.js";
import { Chunk, type ChunkSize, RefusedChunk } from "./chunk.js";
import type { Outcome } from "./outcome.js";
import { BAD_ARGUMENT, BAD_SEQUENCE, GREET_FIRST, LOCAL_TROUBLE, MESSAGE_TOO_BIG, reply } from "./reply.js";
import type { Session } from "./session.js";

/**
 * How many octets are read for nothing before the session ends, in messages of the greatest size. A message that is taken
 * in between makes good for it.
 */
const REFUSED_MESSAGES_MAX = 2;

/** The size, and then what does not change it. */
const ARGUMENT = /^ *(\d+)(?: (.*))?$/;

interface Argument extends ChunkSize {
  readonly wellFormed: boolean;
}

/** RFC 5321 §3.8: no session ends without a 421. */
const COUNT_LOST = reply(421, "5.2", "what is a chunk and what a command cannot be told any more");
const TOO_MUCH_REFUSED = reply(421, "7.0", "too much is sent in vain");

export const COUNTLESS: Outcome = {
  kind: "close",
  refusal: BAD_ARGUMENT,
  reply: COUNT_LOST,
  reason: "a chunk of unknown size",
};

export async function bdat<D>(session: Session<D>, argument: Buffer): Promise<Outcome> {
  const chunk = parseArgument(argument.toString("latin1"));
  if (chunk === undefined) return COUNTLESS;
  const incoming = await incomingOf(session, chunk).catch((err: unknown) => {
    session.log.error({ err, command: "BDAT" }, "command failed");
    return new RefusedChunk(chunk, LOCAL_TROUBLE);
  });
  return incoming instanceof RefusedChunk
    ? refuse(session, incoming)
    : { kind: "octets", reply: undefined, incoming };
}

/** Undefined where it cannot be told how many octets follow. */
function parseArgument(text: string): Argument | undefined {
  const [, digits, marker] = ARGUMENT.exec(text) ?? [];
  if (digits === undefined) return undefined;
  const last = marker?.toUpperCase() === "LAST";
  return { size: Number(digits), last, wellFormed: marker === undefined ? !text.startsWith(" ") : last };
}

async function incomingOf<D>(session: Session<D>, chunk: Argument): Promise<Chunk<D> | RefusedChunk> {
  const { transaction, service } = session;
  if (!chunk.wellFormed) return new RefusedChunk(chunk, BAD_ARGUMENT);
  if (session.helo === "") return new RefusedChunk(chunk, GREET_FIRST);
  if (transaction === undefined || transaction.failed) return new RefusedChunk(chunk, BAD_SEQUENCE);
  // What a chunk counts is what it is counted as later, or less: a bare LF becomes a line end of two octets.
  if ((transaction.message?.size ?? 0) + chunk.size > service.limits.message_size) {
    return new RefusedChunk(chunk, MESSAGE_TOO_BIG);
  }
  const message = transaction.message ?? (await beginMessage(session, transaction, { stuffed: false }));
  return "code" in message ? new RefusedChunk(chunk, message) : new Chunk(chunk, transaction, message);
}

function refuse<D>(session: Session<D>, incoming: RefusedChunk): Outcome {
  const { transaction, service } = session;
  if (transaction !== undefined) transaction.failed = true;
  session.refusedOctets += incoming.size;
  if (session.refusedOctets <= service.limits.message_size * REFUSED_MESSAGES_MAX) {
    return { kind: "octets", reply: undefined, incoming };
  }
  return {
    kind: "close",
    refusal: incoming.refusal,
    reply: TOO_MUCH_REFUSED,
    reason: "too many octets refused",
  };
}
