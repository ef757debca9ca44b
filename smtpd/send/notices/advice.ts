/** What a sender can do about a failure, by its status (RFC 3463). Pure. */

/** The first row whose beginning the status has counts; statuses begin with their class, which makes no difference here. */
const ADVICE: readonly (readonly [beginning: string, advice: string])[] = [
  ["1.10", "This domain takes no mail at all. Please check the address for typing errors."],
  [
    "1.7",
    "The other host objects to your own address, not to the recipient's. Please check it in your mail program.",
  ],
  [
    "1.8",
    "The other host objects to your own address, not to the recipient's. Please check it in your mail program.",
  ],
  ["1.", "Please check the address for typing errors, correct it, and send your message again."],
  ["2.1", "The recipient's mailbox is switched off at present. Please reach the recipient in another way."],
  ["2.2", "The recipient's mailbox is full. Please try again later, or reach the recipient in another way."],
  [
    "2.3",
    "Your message is too big for this recipient. Please make it smaller: leave out or shrink attachments.",
  ],
  [
    "3.4",
    "Your message is too big for the other host. Please make it smaller: leave out or shrink attachments.",
  ],
  [
    "4.6",
    "The mail systems between you and the recipient send your message round in a circle. Please tell your postmaster of it.",
  ],
  [
    "4.7",
    "The recipient's mail system could not be reached for too long, or would not take the message yet. Please send it again later, or reach the recipient in another way.",
  ],
  [
    "4.",
    "The recipient's mail system could not be found or reached. Please check what is behind the @ of the address for typing errors, or send your message again later.",
  ],
  [
    "6.7",
    "The recipient's mail system cannot take addresses with characters beyond plain ASCII. Please use another address of the recipient, or send from another address of yours.",
  ],
  ["6.", "The recipient's mail system cannot take a message of this form. Please send it in a simpler one."],
  [
    "7.",
    "The recipient's mail system refuses this message by a rule of its own. What is said above may tell which; please ask your postmaster if it does not help.",
  ],
];

const OTHERWISE =
  "What is said above may tell why. Please ask your postmaster if it does not help, or reach the recipient in another way.";

/** @param status `5.1.1` */
export function adviceFor(status: string): string {
  const detail = status.replace(/^\d\./, "");
  const matches = (beginning: string) =>
    beginning.endsWith(".") ? detail.startsWith(beginning) : detail === beginning;
  return ADVICE.find(([beginning]) => matches(beginning))?.[1] ?? OTHERWISE;
}
