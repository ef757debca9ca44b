/**
 * The queue as it is on the disk, for those who only look: nothing is locked, moved or mended, whether a smtpd is at work or
 * not. A message that is gone by the time that it is looked at is passed over.
 */
import { readdirSync } from "node:fs";
import { EXIT, ExitError, hasCode } from "../../shared/exit.js";
import {
  ENVELOPE_OCTETS_MAX,
  envelopeFileName,
  isEnvelope,
  parseEnvelope,
  queueIdOfFile,
} from "../queue/envelope-file.js";
import { foldersAt } from "../queue/folders.js";
import { readNow } from "../queue/read-now.js";
import { type Selection, selectedRecipients } from "../queue/selection.js";
import type { Listed } from "./report.js";

/** The messages that are selected, the oldest first; one is in memory at a time. @param unreadable hears of each that is none */
export function* readQueue(
  path: string,
  selection: Selection,
  unreadable: (file: string, reason: string) => void,
): Generator<Listed> {
  const { envelope: directory } = foldersAt(path);
  for (const queueId of queueIdsIn(directory, selection)) {
    const file = `${directory}/${envelopeFileName(queueId)}`;
    const read = readNow(file, ENVELOPE_OCTETS_MAX);
    if (read.kind === "gone") continue;
    const envelope =
      read.kind === "octets"
        ? parseEnvelope(read.octets.toString(), queueId)
        : { ...read, message: undefined };
    if (!isEnvelope(envelope)) {
      unreadable(file, envelope.reason);
      continue;
    }
    const recipients = selectedRecipients(selection, envelope);
    // One that owes a notice and nothing else has no recipients, and is seen when all are.
    if (recipients.length > 0 || isMeantWhole(selection, queueId)) yield { envelope, recipients };
  }
}

function isMeantWhole(selection: Selection, queueId: string): boolean {
  if (selection.kind === "all") return true;
  const { queueIds, recipients, domains, senders } = selection;
  return queueIds.includes(queueId) && recipients.length + domains.length + senders.length === 0;
}

/** Queue ids begin with the time (queue-id.ts), so their order is that of arrival. */
function queueIdsIn(directory: string, selection: Selection): readonly string[] {
  if (selection.kind === "matching" && selection.queueIds.length > 0)
    return [...new Set(selection.queueIds)].sort();
  try {
    const names = readdirSync(directory, "latin1");
    return names
      .map(queueIdOfFile)
      .filter((queueId) => queueId !== undefined)
      .sort();
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error;
    throw new ExitError(EXIT.missing, `${directory} does not exist; smtpd makes it when it is started`);
  }
}
