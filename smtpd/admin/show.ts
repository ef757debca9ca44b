/** `smtpd queue show`: all that is known of a message, and the message itself when it is asked for. */
import { EXIT, ExitError } from "../../shared/exit.js";
import { openMessage } from "../../shared/maildir/find.js";
import { maildirAt } from "../../shared/maildir/maildir.js";
import type { SmtpdConfig } from "../config.js";
import { withMessage } from "../queue/message.js";
import { becomeUser, explained, queuePathOf } from "../queue/open-for-command.js";
import type { Selection } from "../queue/selection.js";
import { nothingMatches, tellUnreadable } from "./list.js";
import { print } from "./print.js";
import { readQueue } from "./read.js";
import { described, detailLines, type Listed } from "./report.js";

const TAB = 0x09;
const LF = 0x0a;
const QUESTION_MARK = 0x3f;
const DELETE = 0x7f;

export interface ShowOptions {
  readonly json: boolean;
  /** Shows the message, too. */
  readonly message: boolean;
}

/** Shows what is selected. Throws an ExitError (66) when nothing is there. */
export async function showQueue(
  config: SmtpdConfig,
  selection: Selection,
  { json, message }: ShowOptions,
): Promise<void> {
  becomeUser(config);
  let shown = 0;
  await explained(config, async () => {
    for (const listed of readQueue(queuePathOf(config), selection, tellUnreadable)) {
      const separator = shown++ === 0 ? "" : "\n";
      if (json)
        await print(`${shown === 1 ? "[\n" : ",\n"}${JSON.stringify(described(listed), undefined, 2)}`);
      else await print(`${separator}${detailLines(listed, Date.now()).join("\n")}\n`);
      if (message) await printMessage(config, listed);
    }
  });
  if (shown === 0) throw nothingMatches();
  if (json) await print("\n]\n");
}

/** The octets as they are stored; on a terminal without those that would move its cursor, or do worse. */
async function printMessage(config: SmtpdConfig, { envelope }: Listed): Promise<void> {
  const tried = envelope.recipients.some(({ attempts }) => attempts > 0);
  const found = await withMessage(maildirAt(queuePathOf(config)), envelope.message, tried, openMessage);
  if (found === undefined) throw new ExitError(EXIT.missing, `the message of ${envelope.queueId} is gone`);
  await print("\n");
  for await (const piece of found.result.createReadStream())
    await print(process.stdout.isTTY ? harmless(piece) : piece);
}

function harmless(octets: Buffer): Buffer {
  return Buffer.from(octets.map((octet) => (isHarmless(octet) ? octet : QUESTION_MARK)));
}

function isHarmless(octet: number): boolean {
  return octet === LF || octet === TAB || (octet >= 0x20 && octet !== DELETE);
}
