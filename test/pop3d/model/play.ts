/** Plays a dialogue to a server and to the model, and compares what they say, and what lies in the Maildir in the end. */
import assert from "node:assert/strict";
import { type Event, PASSWORD, USERNAME } from "./dialogues.js";
import { compared, listingOf, Model } from "./model.js";
import { nameOf, type StoredFile, StoredFiles } from "./stored-files.js";

/** A server that has greeted, with a way to the Maildir behind it. */
export interface Server {
  /** Sends octets, in whatever pieces. */
  send(octets: Buffer): Promise<void>;
  /** The next lines; fails when there are fewer. */
  lines(count: number): Promise<string[]>;
  startTls(): Promise<void>;
  /** Ends the connection; fails when the server has sent more, or does not close though it should. */
  end(closed: boolean): Promise<void>;
  remove(file: StoredFile): Promise<void>;
  rename(from: StoredFile, to: StoredFile): Promise<void>;
  deliver(file: StoredFile): Promise<void>;
  /** Fails when something else lies in the Maildir than these, `cur/1.a:2,S`. */
  leaves(files: readonly string[]): Promise<void>;
}

/** What is there at first. Sizes, stuffing, line ends; in new/ and cur/. */
export const FILES: readonly StoredFile[] = [
  { folder: "new", base: "1.one", flags: "", text: "A: b\n\nbody\n.dot\nmore\n" },
  { folder: "cur", base: "2.empty", flags: "", text: "" },
  { folder: "cur", base: "30.crlf", flags: "F", text: ".A: b\r\n\r\nbo\rdy\r\n" },
  { folder: "new", base: "4.unfinished", flags: "", text: "A: b\nC: d" },
];

export const MISTAKES_MAX = 8;
export const FAILURES_MAX = 3;

export async function play(events: readonly Event[], server: Server): Promise<void> {
  const files = new StoredFiles(FILES);
  const rules = {
    mistakesMax: MISTAKES_MAX,
    failuresMax: FAILURES_MAX,
    username: USERNAME,
    password: PASSWORD,
  };
  const model = new Model(files, rules);
  for (const event of events) {
    if (model.closed) break;
    if (event.kind === "lines") await say(event.lines, model, server);
    else await meddle(event, files, server);
  }
  await server.end(model.closed);
  await server.leaves(listingOf(files));
}

/** All at once, as far as the client may be ahead: what follows STLS is lost, and so is what follows the end. */
async function say(lines: readonly string[], model: Model, server: Server): Promise<void> {
  const expected = lines.flatMap((line) => model.answer(line));
  await server.send(Buffer.from(lines.map((line) => `${line}\r\n`).join(""), "latin1"));
  assert.deepEqual(compared(await server.lines(expected.length), expected), expected);
  if (!model.awaitsTls) return;
  model.startTls();
  await server.startTls();
}

async function meddle(
  event: Exclude<Event, { kind: "lines" }>,
  files: StoredFiles,
  server: Server,
): Promise<void> {
  if (event.kind === "deliver") return server.deliver(files.deliver());
  const file = files.all[event.nth];
  if (file === undefined) return;
  if (event.kind === "remove") {
    files.remove(file.base);
    return server.remove(file);
  }
  files.flag(file.base, "F");
  const flagged = files.find(file.base);
  if (flagged !== undefined && nameOf(flagged) !== nameOf(file)) await server.rename(file, flagged);
}
