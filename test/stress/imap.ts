/** Dovecot's imapd at work: it flags, moves to another folder and back, expunges and appends, with many commands in a session. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { asNobody } from "../nobody.js";
import { messageWith, withCrlf } from "./message.js";
import { MESSAGES_MAX, MESSAGES_MIN, type Work } from "./work.js";

const NAME = "Dovecot imapd";
const OTHER = "Other";
const ROUNDS = 12;
const FLAGS = ["\\Seen", "\\Flagged", "\\Answered", "\\Draft", "$Keyword"];
const SESSION_MS_MAX = 60_000;

/** One session after the other. @param config Dovecot's configuration file */
export async function useImap(work: Work, config: string): Promise<void> {
  while (work.goOn()) {
    const imap = new Imap(work, config);
    try {
      await session(work, imap);
    } catch (error) {
      // It ends a session when it finds its index out of step with the Maildir, as it may.
      if (!(error instanceof Ended)) throw error;
      work.tally.refused(NAME);
    } finally {
      await imap.end();
    }
  }
}

async function session(work: Work, imap: Imap): Promise<void> {
  const { random } = work;
  await imap.command(`CREATE ${OTHER}`);
  for (let round = 0; round < ROUNDS && work.goOn(); round++) {
    await moveBack(work, imap);
    await imap.command("SELECT INBOX");
    const inbox = await tokensByUid(imap);
    if (inbox.length === 0) continue;
    for (let change = 0; change < 6; change++) {
      const [uid] = random.pick(inbox) ?? [];
      await imap.command(`UID STORE ${uid} ${random.pick(["+", "-"])}FLAGS (${random.pick(FLAGS)})`);
    }
    await moveAway(work, imap, random.some(inbox, random.below(4)));
    if (inbox.length > MESSAGES_MIN) await expunge(work, imap, random.some(inbox, random.below(4)));
    if (inbox.length < MESSAGES_MAX) await append(work, imap);
  }
  await imap.command("LOGOUT");
}

type Found = readonly [uid: string, token: string];

async function tokensByUid(imap: Imap): Promise<Found[]> {
  const { text } = await imap.command("UID FETCH 1:* (UID BODY.PEEK[HEADER.FIELDS (X-Token)])");
  const found = text.matchAll(/\(UID (\d+) BODY\[[^\]]*\] \{\d+\}\r\nX-Token: (\w+)/g);
  return Array.from(found, ([, uid = "", token = ""]) => [uid, token]);
}

async function moveAway({ ledger }: Work, imap: Imap, messages: readonly Found[]): Promise<void> {
  for (const [uid, token] of messages) {
    ledger.movesAway(token);
    await imap.command(`UID MOVE ${uid} ${OTHER}`);
  }
}

async function moveBack({ ledger }: Work, imap: Imap): Promise<void> {
  await imap.command(`SELECT ${OTHER}`);
  for (const [uid, token] of await tokensByUid(imap)) {
    ledger.mayReturn(token);
    const { status, text } = await imap.command(`UID MOVE ${uid} INBOX`);
    if (status === "OK" && text.includes("COPYUID")) ledger.returned(token);
  }
}

async function expunge({ ledger }: Work, imap: Imap, messages: readonly Found[]): Promise<void> {
  for (const [uid, token] of messages) {
    ledger.mayBeRemoved(token, NAME);
    await imap.command(`UID STORE ${uid} +FLAGS.SILENT (\\Deleted)`);
    await imap.command(`UID EXPUNGE ${uid}`);
  }
}

async function append({ ledger, random }: Work, imap: Imap): Promise<void> {
  const token = ledger.begin(`${NAME} APPEND`);
  const message = withCrlf(messageWith(token, random)).toString("latin1");
  const { status } = await imap.command(`APPEND INBOX (\\Seen) {${message.length}+}\r\n${message}`);
  if (status === "OK") ledger.delivered(token);
}

class Ended extends Error {}

/** A session of Dovecot's imap process, logged in beforehand. */
class Imap {
  readonly #work: Work;
  readonly #process: ChildProcess;
  readonly #exited: Promise<unknown>;
  #text = "";
  #ended = false;
  #tags = 0;
  #wake: () => void = () => {};

  constructor(work: Work, config: string) {
    this.#work = work;
    const [command, ...args] = asNobody(["doveadm", "-c", config, "exec", "imap"]);
    const child = spawn(command, args, {
      stdio: ["pipe", "pipe", "ignore"],
      timeout: SESSION_MS_MAX,
      killSignal: "SIGKILL",
      env: { ...process.env, USER: "alice", HOME: work.directory },
    });
    this.#process = child;
    this.#exited = once(child, "close").finally(() => {
      this.#ended = true;
      this.#wake();
    });
    child.stdin.on("error", () => {});
    child.stdout.setEncoding("latin1").on("data", (text: string) => {
      this.#text += text;
      this.#wake();
    });
  }

  /** Resolves to what it answers, whatever that is; rejects with Ended when it has ended instead. */
  async command(line: string): Promise<{ readonly status: string; readonly text: string }> {
    const tag = `a${++this.#tags}`;
    this.#text = "";
    this.#process.stdin?.write(`${tag} ${line}\r\n`, "latin1");
    const tagged = new RegExp(`^${tag} (OK|NO|BAD).*\r\n`, "m");
    for (;;) {
      const [, status] = tagged.exec(this.#text) ?? [];
      if (status !== undefined) {
        if (status === "OK") this.#work.tally.did(NAME);
        else this.#work.tally.refused(NAME);
        return { status, text: this.#text };
      }
      if (this.#ended) throw new Ended(`the session has ended: ${this.#text}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async end(): Promise<void> {
    this.#process.stdin?.end();
    this.#process.kill();
    await this.#exited;
  }
}
