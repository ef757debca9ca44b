/**
 * A receiver that keeps its mail in memory. What it does with a recipient is written in the local-part:
 *
 *   unknown…    550 5.1.1          full…       452 4.2.2
 *   relay…      550 5.7.1          trouble…    rejects, with a text that no client may see
 *   filling…    taken, and at the end of the message 452 4.2.2: in LMTP for that recipient, elsewhere for all
 *
 * Anybody else, in any domain, is a recipient. A reverse-path with the local-part `refused` gets 550 5.7.1.
 */
import type { Account } from "../../shared/accounts/account.js";
import { maildirAt } from "../../shared/maildir/maildir.js";
import type { Check, Checked } from "../../shared/sasl/mechanism.js";
import type {
  DataAnswer,
  Envelope,
  ForwardPath,
  IncomingMessage,
  RcptAnswer,
  Receiver,
  ReversePath,
  SessionFacts,
} from "../../smtpd/protocol/receiver.js";
import { MAILBOX_FULL, type Reply, reply } from "../../smtpd/protocol/reply.js";

export const SECRET = "/var/secret";
export const PASSWORD = "correct horse";
export const TOKEN = "a.right-token";
const OCTETS = Buffer.alloc(32);
const NOBODYS = { iterations: 4096, salt: OCTETS, storedKey: OCTETS, serverKey: OCTETS };

export interface ReceivedMessage {
  readonly envelope: Envelope<string>;
  readonly session: SessionFacts;
  readonly octets: Buffer;
}

export class MemoryReceiver implements Receiver<string> {
  /** Messages that were taken. */
  readonly messages: ReceivedMessage[] = [];
  /** Every reverse-path that was asked about. */
  readonly reversePaths: ReversePath[] = [];
  /** By SCRAM, everybody is a stranger. */
  readonly logins = { takesScram: true, takesTokens: true };
  /** Logins that were tried, as `username:password` or `username:token`. */
  readonly loginsTried: string[] = [];
  abandoned = 0;
  /** Messages that were begun and neither ended nor abandoned. */
  open = 0;
  /** What each write of a message waits for. */
  gate: Promise<void> = Promise.resolve();
  /** What the answer to DATA waits for. */
  dataGate: Promise<void> = Promise.resolve();
  /** How often a login was asked about. */
  loginsAsked = 0;
  /** What the check of a login waits for. */
  loginGate: Promise<void> = Promise.resolve();
  /** How often DATA was asked about, and a piece of a message was brought. */
  asked = 0;
  writes = 0;
  #waiting: (() => void)[] = [];

  /** Resolves when this holds. */
  async until(condition: (receiver: this) => boolean): Promise<void> {
    while (!condition(this)) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Resolves when this many messages have been abandoned. */
  untilAbandoned(count: number): Promise<void> {
    return this.until(({ abandoned }) => abandoned >= count);
  }

  #changed(): void {
    for (const heard of this.#waiting.splice(0)) heard();
  }

  async authenticate(_session: SessionFacts, check: Check): Promise<Checked> {
    const { username = "" } = check;
    this.loginsAsked++;
    this.#changed();
    await this.loginGate;
    if (username === "trouble") return { kind: "unavailable", cause: new Error(SECRET) };
    if (username === "bug") throw new Error(SECRET);
    if (check.kind === "SCRAM keys")
      return { kind: "keys", keys: NOBODYS, account: undefined, nonce: "server" };
    if (check.kind === "SCRAM proof") return { kind: "refused" };
    const secret = check.kind === "password" ? check.password : check.token;
    this.loginsTried.push(`${username}:${secret}`);
    const right = check.kind === "password" ? PASSWORD : TOKEN;
    return secret === right ? { kind: "granted", account: accountOf(username) } : { kind: "refused" };
  }

  isTrusted(): boolean {
    return false;
  }

  async mail(_session: SessionFacts, reversePath: ReversePath): Promise<Reply> {
    this.reversePaths.push(reversePath);
    if (reversePath.mailbox?.localPart === "trouble") throw new Error(SECRET);
    return reversePath.mailbox?.localPart === "refused"
      ? reply(550, "7.1", "not from you")
      : reply(250, "1.0", "sender ok");
  }

  async rcpt(
    _session: SessionFacts,
    _envelope: Envelope<string>,
    { mailbox }: ForwardPath,
  ): Promise<RcptAnswer<string>> {
    if (mailbox.localPart.startsWith("trouble")) throw new Error(SECRET);
    for (const [localPart, refusal] of REFUSALS) {
      if (mailbox.localPart.startsWith(localPart)) return { kind: "refused", reply: refusal };
    }
    return { kind: "accepted", reply: reply(250, "1.5", "recipient ok"), destination: mailbox.localPart };
  }

  async data(session: SessionFacts, envelope: Envelope<string>): Promise<DataAnswer> {
    if (envelope.reversePath.mailbox?.localPart === "nospace") {
      return { kind: "refused", reply: reply(452, "3.1", "no space") };
    }
    this.asked++;
    this.#changed();
    await this.dataGate;
    this.open++;
    return { kind: "accepted", message: this.#message({ ...session }, envelope) };
  }

  #message(session: SessionFacts, envelope: Envelope<string>): IncomingMessage {
    const chunks: Buffer[] = [];
    let state: "open" | "writing" | "settled" = "open";
    const settle = () => {
      if (state !== "open") throw new Error(`end or abandon while ${state}`);
      state = "settled";
      this.open--;
    };
    const { recipients, reversePath } = envelope;
    return {
      write: async (octets) => {
        if (state !== "open") throw new Error(`write while ${state}`);
        state = "writing";
        chunks.push(Buffer.from(octets));
        this.writes++;
        this.#changed();
        await this.gate.finally(() => {
          state = "open";
        });
      },
      end: async () => {
        settle();
        if (reversePath.mailbox?.localPart === "bug") throw new Error(SECRET);
        const fills = recipients.map(({ destination }) => destination.startsWith("filling"));
        if (session.role === "lmtp" ? !fills.includes(false) : fills.includes(true)) return MAILBOX_FULL;
        this.messages.push({
          session,
          envelope: { reversePath, recipients: [...recipients] },
          octets: Buffer.concat(chunks),
        });
        const taken = reply(250, "0.0", "taken");
        return session.role === "lmtp" ? fills.map((full) => (full ? MAILBOX_FULL : taken)) : taken;
      },
      abandon: async () => {
        settle();
        this.abandoned++;
        this.#changed();
      },
    };
  }
}

const REFUSALS: readonly (readonly [string, Reply])[] = [
  ["unknown", reply(550, "1.1", "no such mailbox")],
  ["relay", reply(550, "7.1", "we do not relay")],
  ["full", MAILBOX_FULL],
];

function accountOf(username: string): Account {
  const home = `/home/${username}`;
  return { address: username, password: "", home, maildir: maildirAt(`${home}/Maildir`), extra: new Map() };
}
