/**
 * The pure session at work without a socket, a disk or a clock: octets in, octets out. Its effects are performed on
 * messages in memory.
 */
import assert from "node:assert/strict";
import type { SessionRules } from "../../pop3d/authorization.js";
import { LineReader } from "../../pop3d/line-reader.js";
import { Maildrop } from "../../pop3d/maildrop.js";
import type { Effect, Input, Result } from "../../pop3d/protocol.js";
import { encode, type Reply } from "../../pop3d/reply.js";
import { Session } from "../../pop3d/session.js";
import { uniqueIds } from "../../pop3d/unique-id.js";
import { TopCut, WireForm } from "../../pop3d/wire-form.js";
import type { Account } from "../../shared/accounts/account.js";
import { maildirAt } from "../../shared/maildir/maildir.js";
import { compareNames, parseName } from "../../shared/maildir/name.js";
import { WireSize } from "../../shared/maildir/wire-size.js";
import type { StoredMessage } from "./transcript.js";

const ADDRESS = "alice@pillarbox.test";
const ALICE: Account = {
  address: ADDRESS,
  password: "{PLAIN}correct horse",
  home: "/nowhere",
  maildir: maildirAt("/nowhere/Maildir"),
  extra: new Map(),
};

export class PureServer {
  readonly #session: Session;
  readonly #reader = new LineReader(4096);
  readonly #stored: readonly StoredMessage[];
  readonly #octets = new Map<string, Buffer>();
  #sent: Buffer[] = [];
  #awaitsTls = false;
  #closed = false;
  #removed = new Set<string>();

  constructor(rules: SessionRules, messages: readonly StoredMessage[]) {
    this.#session = new Session(rules);
    this.#stored = messages;
    this.#say([this.#session.greeting]);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** True when a TLS handshake has to come next. */
  get awaitsTls(): boolean {
    return this.#awaitsTls;
  }

  /** File names that have not been removed. */
  get left(): string[] {
    return this.#stored.map(({ filename }) => filename).filter((name) => !this.#removed.has(name));
  }

  /** What was sent since the last call. */
  takeSent(): Buffer {
    const sent = Buffer.concat(this.#sent);
    this.#sent = [];
    return sent;
  }

  feed(octets: Buffer): void {
    if (this.#closed || this.#awaitsTls) return;
    this.#reader.push(octets);
    for (let line = this.#reader.next(); line !== undefined; line = this.#reader.next()) {
      this.#step(line);
      if (this.#closed || this.#awaitsTls) return;
    }
  }

  /** The handshake succeeds. What came before it is dropped. */
  beginTls(): void {
    assert.ok(this.#awaitsTls, "the server does not wait for TLS");
    this.#awaitsTls = false;
    this.#reader.clear();
    this.#step({ kind: "start TLS" });
  }

  #step(input: Input): void {
    const { replies, effect } = this.#session.step(input);
    this.#say(replies);
    if (effect === undefined) return;
    if (effect.kind === "close") this.#closed = true;
    else if (effect.kind === "start TLS") this.#awaitsTls = true;
    else this.#step(this.#perform(effect));
  }

  #say(replies: readonly Reply[]): void {
    for (const reply of replies) this.#sent.push(...encode(reply, this.#session.language));
  }

  #perform(effect: Exclude<Effect, { kind: "close" | "start TLS" }>): Result {
    switch (effect.kind) {
      case "authenticate": {
        const known = effect.username === "alice" || effect.username === ADDRESS;
        const granted = known && effect.password === "correct horse";
        return {
          kind: "authenticate",
          verdict: granted ? { kind: "granted", account: ALICE } : { kind: "refused" },
        };
      }
      case "delay":
        return { kind: "delay" };
      case "open maildrop":
        return { kind: "open maildrop", outcome: this.#open() };
      case "send message": {
        const { message, bodyLines, reply } = effect;
        const stored = this.#octets.get(message.identity);
        if (stored === undefined) return { kind: "send message", outcome: "gone" };
        this.#say([reply]);
        const form = new WireForm();
        const part = bodyLines === undefined ? stored : new TopCut(bodyLines).take(stored);
        this.#sent.push(form.convert(part), form.end());
        return { kind: "send message", outcome: "sent" };
      }
      case "update":
        for (const { filename } of this.#stored) {
          const { identity } = parseName(filename);
          const message = effect.maildrop.messages.find((one) => one.identity === identity);
          if (message !== undefined && effect.maildrop.isDeleted(message)) this.#removed.add(filename);
        }
        return { kind: "update", outcome: "complete" };
    }
  }

  #open(): Maildrop {
    const inOrder = [...this.#stored].sort((a, b) => compareNames(a.filename, b.filename));
    const names = inOrder.map(({ filename }) => parseName(filename));
    const ids = uniqueIds(names);
    for (const [i, { octets }] of inOrder.entries()) this.#octets.set(names[i]?.identity ?? "", octets);
    return new Maildrop(
      inOrder.map(({ octets }, i) => {
        const size = new WireSize();
        size.add(octets);
        const { identity = "", wireSize = size.octets } = names[i] ?? {};
        return { number: i + 1, identity, octets: wireSize, uniqueId: ids[i] ?? "" };
      }),
    );
  }
}
