/**
 * A session's dialogue without its socket: lines and octets in, replies and what follows them out. Decides nothing about
 * mail: verbs do (commands.ts), and say what is to be done (outcome.ts). Here errors are made to cost, surprises become
 * 451, and refusals are logged.
 */
import { isIdle, loggable, parseCommandLine, runCommand } from "./commands.js";
import { ErrorBudget, type Price } from "./error-budget.js";
import type { Incoming } from "./incoming.js";
import { repliesTo } from "./message-replies.js";
import type { Effect, Outcome } from "./outcome.js";
import type { MessageAnswer, SessionFacts } from "./receiver.js";
import type { Reception } from "./reception.js";
import { formatReply, isError, LOCAL_TROUBLE, type Reply, reply, TOO_MANY_ERRORS } from "./reply.js";
import type { Session } from "./session.js";

const LOGIN_FAILED_CODE = 535;

/** What to send, and what comes then. */
export interface Step {
  /** The lines of the reply, without line ends. */
  readonly lines: readonly string[];
  /** Milliseconds to let the client wait for it. */
  readonly waitMs: number;
  readonly next:
    | { readonly kind: "command" }
    /** What comes next is no command. */
    | { readonly kind: "octets" }
    | { readonly kind: "starttls" }
    | { readonly kind: "close"; readonly reason: string };
}

/** What the client sent, as the log may show it. */
interface Asked {
  readonly text: string;
  /** True for what brings no message nearer. */
  readonly idle: boolean;
}

const ANSWER: Asked = { text: "***", idle: false };
type Closing = Extract<Effect, { kind: "close" }>;

const COMMAND = { kind: "command" } as const;

export class Dialogue<Destination> {
  readonly #session: Session<Destination>;
  readonly #budget: ErrorBudget;
  /** Takes the next line instead of the commands: the answer to a challenge. */
  #answer: ((line: Buffer) => Outcome | Promise<Outcome>) | undefined;
  /** Takes what is no command. */
  #incoming: Incoming | undefined;
  /** The message that has begun to come, so that it is ended or abandoned whatever happens. */
  #message: Reception | undefined;
  #messages = 0;

  constructor(session: Session<Destination>) {
    const { errors, error_delay } = session.service.limits;
    this.#session = session;
    // A client of LMTP is a queue, of this site's: to cut it off for the recipients that it cannot know about would keep the
    // others of the message from getting it for ever.
    const allowance =
      session.protocol === "LMTP"
        ? { errors: Number.POSITIVE_INFINITY, delayMs: 0 }
        : { errors, delayMs: error_delay };
    this.#budget = new ErrorBudget(allowance);
  }

  /** True from an accepted MAIL to the end of its transaction. */
  get inTransaction(): boolean {
    return this.#session.transaction !== undefined;
  }

  /** True from the first octet of a message to its end: between its chunks, too. */
  get inMessage(): boolean {
    return this.#message !== undefined;
  }

  /** True when the next line is a response to a challenge, and no command. */
  get awaitsResponse(): boolean {
    return this.#answer !== undefined;
  }

  /** What the log says of a session that is over. */
  get summary() {
    const { helo, tls, account } = this.#session;
    const messages = this.#messages;
    return { helo, tls: tls?.version, account: account?.address, messages, errors: this.#budget.errors };
  }

  greeting(): Step {
    const { service, protocol } = this.#session;
    return step(reply(220, undefined, `${service.hostname} ${protocol === "LMTP" ? "LMTP" : "ESMTP"}`));
  }

  /** A command line, or the answer to a challenge. Never rejects. */
  line(line: Buffer): Promise<Step> {
    const answer = this.#answer;
    this.#answer = undefined;
    if (answer !== undefined) return this.#run(ANSWER, () => answer(line));
    const command = parseCommandLine(line);
    const asked = { text: loggable(command), idle: isIdle(command) };
    return this.#run(asked, () => runCommand(this.#session, command));
  }

  /**
   * Octets that are no command. Resolves, when there is room for more, to what follows them and the reply to them, or to
   * undefined while they go on. Never rejects.
   */
  async octets(chunk: Buffer): Promise<{ readonly rest: Buffer; readonly step: Step } | undefined> {
    const incoming = this.#incoming;
    const rest = await incoming?.take(chunk);
    if (rest === undefined || incoming === undefined) return undefined;
    return { rest, step: await this.#finished(incoming) };
  }

  /** TLS is there: what was said before is forgotten. */
  secured(tls: SessionFacts["tls"]): void {
    this.#session.secured(tls);
  }

  /** The client is gone, or is to go: a message that has not come whole never will. */
  async over(): Promise<void> {
    this.#session.leave();
    await this.#message?.abandon();
  }

  /** All octets of a message or a chunk have come. */
  async #finished(incoming: Incoming): Promise<Step> {
    this.#incoming = undefined;
    const asked = { text: incoming.text, idle: incoming.idle };
    this.#session.log.trace({ C: asked.text }, "dialogue");
    const { answer, ends } = await incoming.finish();
    const replies = ends ? this.#repliesToMessage(answer) : repliesTo(answer, undefined);
    if (ends) {
      this.#session.transaction = undefined;
      if (!isError(foremost(replies))) this.#taken();
    }
    await this.#letGo();
    return this.#replied(replies, asked);
  }

  #repliesToMessage(answer: MessageAnswer): readonly Reply[] {
    const { protocol, transaction, log } = this.#session;
    const recipients = protocol === "LMTP" ? transaction?.recipients.length || undefined : undefined;
    try {
      return repliesTo(answer, recipients);
    } catch (err) {
      log.error({ err }, "message not taken");
      return repliesTo(LOCAL_TROUBLE, recipients);
    }
  }

  #taken(): void {
    this.#messages++;
    this.#budget.progress();
    this.#session.refusedOctets = 0;
  }

  /** A message whose transaction is over, or has failed, will not come whole. */
  async #letGo(): Promise<void> {
    const { transaction } = this.#session;
    const message = transaction?.failed ? undefined : transaction?.message;
    if (message === undefined) await this.#message?.abandon();
    this.#message = message;
  }

  async #run(asked: Asked, run: () => Outcome | Promise<Outcome>): Promise<Step> {
    const { log } = this.#session;
    log.trace({ C: asked.text }, "dialogue");
    try {
      const outcome = await run();
      await this.#letGo();
      return await this.#stepOf(outcome, asked);
    } catch (err) {
      log.error({ err, command: asked.text }, "command failed");
      return this.#replied(LOCAL_TROUBLE, asked);
    }
  }

  async #stepOf(outcome: Outcome, asked: Asked): Promise<Step> {
    if (!("kind" in outcome)) return this.#replied(outcome, asked);
    switch (outcome.kind) {
      case "lines":
        return this.#replied(outcome.reply, asked, outcome.more);
      case "challenge":
        this.#answer = outcome.answer;
        // Base64, which formatReply would cut where a command's reply has to end (RFC 4954 §4 allows 12288 octets).
        return { lines: [`334 ${outcome.text}`], waitMs: 0, next: COMMAND };
      case "octets":
        if (outcome.incoming.complete) return this.#finished(outcome.incoming);
        this.#incoming = outcome.incoming;
        return {
          lines: outcome.reply ? formatReply(outcome.reply) : [],
          waitMs: 0,
          next: { kind: "octets" },
        };
      case "starttls":
        return step(outcome.reply, { kind: "starttls" });
      case "close":
        return this.#closing(outcome, asked);
    }
  }

  #closing({ refusal, reply, reason }: Closing, asked: Asked): Step {
    const next = { kind: "close", reason } as const;
    if (refusal === undefined) return step(reply, next);
    const refused = this.#replied(refusal, asked);
    if (refused.next.kind === "close") return refused;
    return { ...refused, lines: [...refused.lines, ...formatReply(reply)], next };
  }

  /** A reply, or those to a message; an error has its price. */
  #replied(answers: Reply | readonly Reply[], asked: Asked, more: readonly string[] = []): Step {
    const replies = "code" in answers ? [answers] : answers;
    const answer = foremost(replies);
    const price = this.#priceOf(answer, asked);
    const waitMs = price?.delayMs ?? 0;
    const lines = replies.flatMap((one) => formatReply(one, more));
    const { log, helo } = this.#session;
    for (const refusal of replies.filter(isError)) {
      log.info({ command: asked.text, helo, reply: formatReply(refusal)[0] }, "refused");
    }
    if (price?.spent) {
      const next = { kind: "close", reason: "too many errors" } as const;
      return { lines: [...lines, ...formatReply(TOO_MANY_ERRORS)], waitMs, next };
    }
    return { lines, waitMs, next: answer.code === 421 ? { kind: "close", reason: "refused" } : COMMAND };
  }

  #priceOf(answer: Reply, { idle }: Asked): Price | undefined {
    if (!isError(answer)) return idle ? this.#budget.idleCommand() : undefined;
    const price = this.#budget.error();
    if (answer.code !== LOGIN_FAILED_CODE) return price;
    const { service, remoteAddress, triedUsername: username } = this.#session;
    return {
      ...price,
      delayMs: Math.max(price.delayMs, service.guard.failed({ address: remoteAddress, username })),
    };
  }
}

/** The reply that counts, of those to a message: it is refused only when all of them say so. */
function foremost(replies: readonly Reply[]): Reply {
  return replies.find((one) => !isError(one)) ?? replies[0] ?? LOCAL_TROUBLE;
}

function step(answer: Reply, next: Step["next"] = COMMAND): Step {
  return { lines: formatReply(answer), waitMs: 0, next };
}
