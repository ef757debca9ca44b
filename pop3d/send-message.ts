/**
 * Sending a message (RETR, TOP): opened, read and converted a piece at a time, as fast as the client takes it.
 *
 * The reply is sent when the first piece has been read, so that a message that cannot be read is an -ERR. Later there
 * is no way to say so but to break the connection: the client must not take half a message for a whole one.
 */
import type { FileHandle } from "node:fs/promises";
import type { Log } from "../shared/log.js";
import { openMessage } from "../shared/maildir/find.js";
import type { Language } from "./language/language.js";
import type { Message } from "./maildrop.js";
import type { OpenMaildrop } from "./open-maildrop.js";
import type { Effect, Result } from "./protocol.js";
import { encode } from "./reply.js";
import { troubleOf } from "./trouble.js";
import type { Wire } from "./wire.js";
import { TopCut, WireForm } from "./wire-form.js";

export type Sending = Extract<Effect, { kind: "send message" }>;
export type SendingOutcome = Extract<Result, { kind: "send message" }>["outcome"];

const PIECE_OCTETS = 64 * 1024;

/** Never rejects. A message that could not be sent to its end leaves the wire lost. */
export async function sendMessage(
  wire: Wire,
  open: OpenMaildrop,
  sending: Sending,
  language: Language,
  log: Log,
): Promise<SendingOutcome> {
  let handle: FileHandle | undefined;
  let begun = false;
  try {
    const { finder } = open.folderOf(sending.message);
    handle = (await finder.with(sending.message.identity, openMessage))?.result;
    if (handle === undefined) return "gone";
    const pieces = new PieceReader(handle, Math.min(PIECE_OCTETS, sending.message.octets + 1));
    const first = await pieces.next();
    begun = true;
    for (const octets of encode(sending.reply, language)) await wire.write(octets);
    const sent = await sendPieces(wire, first, pieces, sending.bodyLines);
    if (wire.lost) return "temporary";
    if (sending.bodyLines === undefined) checkSize(sent, open, sending.message, log);
    return "sent";
  } catch (error) {
    log.error({ file: sending.message.identity, err: error }, "message cannot be read");
    if (begun) wire.destroy("a message could not be read to its end");
    return troubleOf(error);
  } finally {
    await handle?.close().catch(() => {});
  }
}

/** Resolves to the octets sent, as LIST counts them. */
async function sendPieces(
  wire: Wire,
  first: Buffer,
  pieces: PieceReader,
  bodyLines: number | undefined,
): Promise<number> {
  const form = new WireForm();
  const cut = bodyLines === undefined ? undefined : new TopCut(bodyLines);
  // The full pieces of a long message are converted in one place, one after the other; a short one is gathered with
  // whatever else there is to send.
  let place: Buffer | undefined;
  for (let piece = first; piece.length > 0 && !wire.lost; piece = await pieces.next()) {
    const full = piece.length === PIECE_OCTETS;
    if (full) place ??= Buffer.allocUnsafe(WireForm.lengthMax(PIECE_OCTETS));
    await wire.write(form.convert(cut?.take(piece) ?? piece, full ? place : undefined));
    if (full) await wire.flush();
    if (cut?.done) break;
  }
  await wire.write(form.end());
  return form.octets;
}

function checkSize(sent: number, { folderOf, sizes }: OpenMaildrop, message: Message, log: Log): void {
  const { identity, octets: announced } = message;
  if (sent === announced) return;
  const { maildir } = folderOf(message);
  sizes.forget(maildir, identity);
  log.warn({ maildir: maildir.path, file: identity, announced, sent }, "message is not of the size it was");
}

/** Reads a file piece by piece, one piece ahead of whoever sends them. */
class PieceReader {
  readonly #handle: FileHandle;
  readonly #octetsMax: number;
  #ahead: Promise<Buffer>;
  /** Taken in turns: one is being sent while the other is being filled. */
  #buffers: [Buffer | undefined, Buffer | undefined] = [undefined, undefined];

  constructor(handle: FileHandle, octetsMax: number) {
    this.#handle = handle;
    this.#octetsMax = octetsMax;
    this.#ahead = this.#read();
  }

  /** The next piece, empty at the end. Holds until the call after the next. */
  async next(): Promise<Buffer> {
    const piece = await this.#ahead;
    if (piece.length > 0) {
      this.#ahead = this.#read();
      // If it fails, the next call says so; nobody may ask.
      this.#ahead.catch(() => {});
    }
    return piece;
  }

  async #read(): Promise<Buffer> {
    const [buffer = Buffer.allocUnsafe(this.#octetsMax), other] = this.#buffers;
    this.#buffers = [other, buffer];
    const { bytesRead } = await this.#handle.read(buffer, 0, buffer.length, null);
    return buffer.subarray(0, bytesRead);
  }
}
