/**
 * Sending a message (RETR, TOP): opened, read and converted a piece at a time, as fast as the client takes it.
 *
 * The reply is sent when the first piece has been read, so that a message that cannot be read is an -ERR. Later there
 * is no way to say so but to break the connection: the client must not take half a message for a whole one.
 */
import type { FileHandle } from "node:fs/promises";
import type { Log } from "../shared/log.js";
import { openMessage } from "../shared/maildir/find.js";
import { WireForm } from "../shared/wire-form.js";
import type { Language } from "./language/language.js";
import { octetsOf } from "./maildrop.js";
import { MessageParts, PART_OCTETS } from "./message-parts.js";
import type { OpenMaildrop } from "./open-maildrop.js";
import type { EffectOf, ResultOf } from "./protocol.js";
import { encode } from "./reply.js";
import { Surrogate } from "./surrogate.js";
import { TopCut } from "./top-cut.js";
import { troubleOf } from "./trouble.js";
import type { Wire } from "./wire.js";

export type Sending = EffectOf<"send message">;
export type SendingOutcome = ResultOf<"send message">["outcome"];

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
    const surrogate = sending.nonAsciiHeaders === "as stored" ? undefined : new Surrogate();
    const parts = new MessageParts(handle, sending.message.octets, surrogate);
    const first = await parts.next();
    // Its name said that it was ASCII. In a header longer than this, what is not comes too late for a refusal.
    if (sending.nonAsciiHeaders === "refuse" && surrogate?.same === false) return "needs UTF8";
    begun = true;
    for (const octets of encode(sending.reply, language)) await wire.write(octets);
    const sent = await sendParts(wire, first, parts, sending.bodyLines);
    if (wire.lost) return "temporary";
    if (sending.bodyLines === undefined) await checkSize(sent, open, sending, log);
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
async function sendParts(
  wire: Wire,
  first: Buffer,
  parts: MessageParts,
  bodyLines: number | undefined,
): Promise<number> {
  const form = new WireForm();
  const cut = bodyLines === undefined ? undefined : new TopCut(bodyLines);
  // The full parts of a long message are converted in one place, one after the other; a short one is gathered with
  // whatever else there is to send.
  let place: Buffer | undefined;
  for (let part = first; part.length > 0 && !wire.lost; part = await parts.next()) {
    const full = part.length === PART_OCTETS;
    if (full) place ??= Buffer.allocUnsafe(WireForm.lengthMax(PART_OCTETS));
    await wire.write(form.convert(cut?.take(part) ?? part, full ? place : undefined));
    if (full) await wire.flush();
    if (cut?.done) break;
  }
  await wire.write(form.end());
  return form.octets;
}

/** A message that is not of the size announced is counted for the next session. */
async function checkSize(
  sent: number,
  { folderOf, sizes }: OpenMaildrop,
  { message, nonAsciiHeaders }: Sending,
  log: Log,
): Promise<void> {
  const announced = octetsOf(message, nonAsciiHeaders);
  if (sent === announced) return;
  const { maildir, finder } = folderOf(message);
  const file = message.identity;
  log.warn({ maildir: maildir.path, file, announced, sent }, "message is not of the size it was");
  await sizes.correct(maildir, file, finder, log);
}
