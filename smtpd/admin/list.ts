/** `smtpd queue list`, and mailq: the queue as a table for people, or as one JSON array for programs. */
import { EXIT, ExitError } from "../../shared/exit.js";
import type { SmtpdConfig } from "../config.js";
import { becomeUser, explained, queuePathOf } from "../queue/open-for-command.js";
import type { Selection } from "../queue/selection.js";
import { counted, shortSize } from "./figures.js";
import { print } from "./print.js";
import { readQueue } from "./read.js";
import { described, type Listed, sizeOf, TABLE_HEADING, tableLines } from "./report.js";

/** How messages are written, one after the other. */
interface Form {
  readonly before: string;
  readonly message: (listed: Listed, first: boolean) => string;
  readonly after: (sum: Sum) => string;
}

interface Sum {
  messages: number;
  recipients: number;
  octets: number;
  held: number;
}

/** Lists what is selected; without a selection all. Throws an ExitError (66) when something was selected and nothing is there. */
export async function listQueue(
  config: SmtpdConfig,
  selection: Selection | undefined,
  { json }: { readonly json: boolean },
): Promise<void> {
  becomeUser(config);
  const form = json ? JSON_ARRAY : table(Date.now());
  const sum: Sum = { messages: 0, recipients: 0, octets: 0, held: 0 };
  await explained(config, async () => {
    for (const listed of readQueue(queuePathOf(config), selection ?? { kind: "all" }, tellUnreadable)) {
      const first = sum.messages === 0;
      add(sum, listed);
      await print((first ? form.before : "") + form.message(listed, first));
    }
  });
  if (sum.messages > 0) return print(form.after(sum));
  if (selection !== undefined && selection.kind !== "all") throw nothingMatches();
  await print(json ? "[]\n" : "the queue is empty\n");
}

export function nothingMatches(): ExitError {
  return new ExitError(EXIT.missing, "nothing in the queue is meant by that");
}

/** What is no envelope is smtpd's to set aside. */
export function tellUnreadable(file: string, reason: string): void {
  console.error(`smtpd: ${file}: ${reason}`);
}

function add(sum: Sum, { envelope, recipients }: Listed): void {
  sum.messages++;
  sum.recipients += recipients.length;
  sum.octets += sizeOf(envelope) ?? 0;
  if (envelope.held) sum.held++;
}

function table(now: number): Form {
  return {
    before: `${TABLE_HEADING}\n`,
    message: (listed) => `${tableLines(listed, now).join("\n")}\n`,
    after: ({ messages, recipients, octets, held }) =>
      `-- ${counted(messages, "message")}, ${counted(recipients, "recipient")}, ${shortSize(octets)}${held > 0 ? `, ${held} held` : ""}\n`,
  };
}

/** An element a line, so that it can be read as it comes. */
const JSON_ARRAY: Form = {
  before: "[\n",
  message: (listed, first) => `${first ? "" : ",\n"}${JSON.stringify(described(listed))}`,
  after: () => "\n]\n",
};
