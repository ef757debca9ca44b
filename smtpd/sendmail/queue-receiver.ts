/**
 * Takes mail from a program on this host by SMTP (`sendmail -bs`) and puts all of it into the queue: any recipient, any sender,
 * as with a message on standard input.
 */

import { defaultDomainOf } from "../../shared/config/common.js";
import { EXIT, ExitError, exitCodeFor } from "../../shared/exit.js";
import type { Checked } from "../../shared/sasl/mechanism.js";
import type { SmtpdConfig } from "../config.js";
import type {
  DataAnswer,
  Envelope,
  IncomingMessage,
  RcptAnswer,
  Receiver,
  SessionFacts,
} from "../protocol/receiver.js";
import { LOCAL_TROUBLE, type Reply, reply } from "../protocol/reply.js";
import { newQueueId } from "../queue/new-queue-id.js";
import type { Queue } from "../queue/queue.js";
import { addressOfUser } from "./addressed.js";
import { formatAuthor } from "./author.js";
import type { Caller } from "./caller.js";
import { Submission } from "./submission.js";

const SENDER_OK = reply(250, "1.0", "sender ok");
const RECIPIENT_OK = reply(250, "1.5", "recipient ok");

export class QueueReceiver implements Receiver<undefined> {
  readonly logins = { takesScram: false, takesTokens: false };
  readonly #queue: Queue;
  readonly #config: SmtpdConfig;
  readonly #caller: Caller;

  constructor(queue: Queue, config: SmtpdConfig, caller: Caller) {
    this.#queue = queue;
    this.#config = config;
    this.#caller = caller;
  }

  isTrusted(): boolean {
    return true;
  }

  async authenticate(): Promise<Checked> {
    return { kind: "refused" };
  }

  async mail(): Promise<Reply> {
    return SENDER_OK;
  }

  async rcpt(): Promise<RcptAnswer<undefined>> {
    return { kind: "accepted", reply: RECIPIENT_OK, destination: undefined };
  }

  async data({ log }: SessionFacts, envelope: Envelope<undefined>): Promise<DataAnswer> {
    const { hostname, limits } = this.#config;
    const { name, uid } = this.#caller;
    const sender = envelope.reversePath.mailbox ?? addressOfUser(name, uid, defaultDomainOf(this.#config));
    const submission = await Submission.begin(this.#queue, {
      queueId: newQueueId(),
      hostname,
      headerSizeMax: limits.header_size,
      uid,
      sender,
      author: formatAuthor("", sender),
      repair: true,
    });
    return { kind: "accepted", message: new QueuedAtOnce(submission, envelope, log) };
  }
}

class QueuedAtOnce implements IncomingMessage {
  readonly #submission: Submission;
  readonly #envelope: Envelope<undefined>;
  readonly #log: SessionFacts["log"];
  #failure: Reply | undefined;

  constructor(submission: Submission, envelope: Envelope<undefined>, log: SessionFacts["log"]) {
    this.#submission = submission;
    this.#envelope = envelope;
    this.#log = log;
  }

  async write(octets: Buffer): Promise<void> {
    await this.#unlessItFails(() => this.#submission.write(octets));
  }

  async end(): Promise<Reply> {
    await this.#unlessItFails(async () => {
      const { reversePath, recipients } = this.#envelope;
      await this.#submission.complete();
      await this.#submission.commit(
        {
          reversePath: reversePath.mailbox,
          ret: reversePath.ret,
          envid: reversePath.envid,
          recipients: recipients.map(({ forwardPath: { mailbox, notify, orcpt } }) => ({
            forwardPath: mailbox,
            notify,
            orcpt,
          })),
        },
        Date.now(),
      );
    });
    return this.#failure ?? reply(250, "0.0", `queued as ${this.#submission.queueId}`);
  }

  abandon(): Promise<void> {
    return this.#submission.abandon();
  }

  async #unlessItFails(work: () => Promise<void>): Promise<void> {
    if (this.#failure !== undefined) return;
    try {
      await work();
    } catch (err) {
      const refused = err instanceof ExitError && exitCodeFor(err) === EXIT.data;
      if (!refused) this.#log.error({ err }, "message cannot be stored");
      this.#failure = refused ? reply(554, "6.0", err.message) : LOCAL_TROUBLE;
      await this.#submission.abandon();
    }
  }
}
