/** POP3 sessions that list, look, retrieve, delete, and end by QUIT or without a word; what they are told must be true. */
import { PASSWORD } from "../daemons/site.js";
import { Dialogue } from "../interop/dialogue.js";
import { tokenIn } from "./message.js";
import { MESSAGES_MIN, type Work } from "./work.js";

const NAME = "POP3 session";
const RETRIEVED_MAX = 40;

interface Listed {
  readonly number: number;
  readonly uniqueId: string;
  readonly octets: number;
}

/** One session after the other. */
export async function collect(work: Work, port: number): Promise<void> {
  while (work.goOn()) await new Session(work, await Dialogue.connect(port)).run();
}

/** One session that looks at everything and removes nothing; resolves to what it has found, by unique-id. */
export async function audit(work: Work, port: number): Promise<ReadonlyMap<string, string>> {
  return new Session(work, await Dialogue.connect(port)).audit();
}

class Session {
  readonly #work: Work;
  readonly #pop3: Dialogue;
  /** Which message each token was sent as. */
  readonly #sent = new Map<string, Listed>();

  constructor(work: Work, pop3: Dialogue) {
    this.#work = work;
    this.#pop3 = pop3;
  }

  async run(): Promise<void> {
    const { random } = this.#work;
    const listed = await this.#open();
    if (listed === undefined) return;
    const marked: Listed[] = [];
    for (const message of random.some(listed, random.below(RETRIEVED_MAX))) {
      await this.#fetch(message, "RETR");
      if (listed.length - marked.length <= MESSAGES_MIN || !random.chance(0.6)) continue;
      await this.#command(`DELE ${message.number}`, /^\+OK/);
      marked.push(message);
    }
    if (random.chance(0.1)) {
      await this.#command("RSET", /^\+OK/);
      marked.length = 0;
    }
    if (random.chance(0.25)) return this.#pop3.destroy();
    await this.#quit(marked);
  }

  async audit(): Promise<ReadonlyMap<string, string>> {
    const listed = (await this.#open()) ?? [];
    for (const message of listed) await this.#fetch(message, "RETR");
    await this.#quit([]);
    return new Map([...this.#sent].map(([token, { uniqueId }]) => [uniqueId, token]));
  }

  /** Logs in, lists, and looks who those are that nobody knows yet. Undefined when another session has the maildrop. */
  async #open(): Promise<readonly Listed[] | undefined> {
    const { ledger, tally } = this.#work;
    await this.#pop3.expect(/^\+OK/);
    await this.#pop3.command("USER alice", /^\+OK/);
    const event = ledger.now;
    const before = ledger.certain;
    const reply = await this.#pop3.command(`PASS ${PASSWORD}`, /^\+OK|^-ERR \[IN-USE\]/);
    const after = ledger.certain;
    if (reply.startsWith("-ERR")) {
      tally.refused(NAME);
      this.#pop3.destroy();
      return undefined;
    }
    const listed = await this.#list();
    for (const { uniqueId } of listed) ledger.listed(uniqueId, event);
    if (new Set(listed.map(({ uniqueId }) => uniqueId)).size < listed.length)
      ledger.violated("a session has a unique-id twice");
    for (const message of listed)
      if (ledger.tokenOf(message.uniqueId) === undefined) await this.#fetch(message, "RETR");
    const seen = listed.flatMap(({ uniqueId }) => ledger.tokenOf(uniqueId) ?? []);
    // One that nobody knew may have gone before it could be looked at: who it was is not known.
    ledger.missing(before, seen.length < listed.length ? ledger.certain : after, new Set(seen));
    return listed;
  }

  async #list(): Promise<Listed[]> {
    // Both at once, as clients do that know PIPELINING.
    this.#pop3.send("UIDL\r\nLIST\r\n");
    this.#work.tally.did(NAME, 2);
    const [uniqueIds, sizes] = [await this.#lines(), await this.#lines()];
    if (uniqueIds.length !== sizes.length) this.#work.ledger.violated("LIST and UIDL differ in length");
    return uniqueIds.map((line, i) => {
      const [number = "", uniqueId = ""] = line.split(" ");
      const [again = "", octets = ""] = sizes[i]?.split(" ") ?? [];
      if (again !== number) this.#work.ledger.violated("LIST and UIDL differ in numbers");
      return { number: Number(number), uniqueId, octets: Number(octets) };
    });
  }

  async #lines(): Promise<string[]> {
    await this.#pop3.expect(/^\+OK/);
    return (await this.#pop3.multiline()).toString("latin1").split("\r\n").filter(Boolean);
  }

  async #fetch(message: Listed, verb: "RETR"): Promise<void> {
    const { ledger } = this.#work;
    const { number, uniqueId, octets } = message;
    const reply = await this.#command(`${verb} ${number}`, /^\+OK|^-ERR (?!\[)/);
    if (reply.startsWith("-ERR")) return ledger.gone(uniqueId, "missing");
    const content = await this.#pop3.multiline();
    if (content.length !== octets)
      ledger.violated(`${uniqueId} was announced with ${octets} octets and had ${content.length}`);
    const token = tokenIn(content);
    if (token === undefined) return ledger.violated(`${uniqueId} is no whole message: ${content}`);
    ledger.identified(uniqueId, token, octets);
    const other = this.#sent.get(token);
    if (other !== undefined && other.number !== number && !ledger.mayBeTwo(token))
      ledger.violated(`${token} is both ${number} and ${other.number} of one session`);
    this.#sent.set(token, message);
  }

  async #quit(marked: readonly Listed[]): Promise<void> {
    const { ledger } = this.#work;
    for (const { uniqueId } of marked) {
      const token = ledger.tokenOf(uniqueId);
      if (token !== undefined) ledger.mayBeRemoved(token, NAME);
    }
    await this.#command("QUIT", /^\+OK/);
    for (const { uniqueId } of marked) ledger.gone(uniqueId, "removed");
    this.#pop3.destroy();
  }

  #command(line: string, reply: RegExp): Promise<string> {
    this.#work.tally.did(NAME);
    return this.#pop3.command(line, reply);
  }
}
