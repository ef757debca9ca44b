/**
 * The pure session at work without a socket, a disk or a clock: octets in, octets out. Its effects are performed on
 * messages in memory.
 */
import assert from "node:assert/strict";
import type { SessionRules } from "../../pop3d/authorization.js";
import { deliveredAt, isExpired } from "../../pop3d/expiry.js";
import { type Line, LineReader } from "../../pop3d/line-reader.js";
import { Maildrop, type Message } from "../../pop3d/maildrop.js";
import { sizesOf } from "../../pop3d/measure.js";
import type { Effect, Input, Result, Step } from "../../pop3d/protocol.js";
import { encode, type Reply } from "../../pop3d/reply.js";
import { Session } from "../../pop3d/session.js";
import { Surrogate } from "../../pop3d/surrogate.js";
import { TopCut } from "../../pop3d/top-cut.js";
import { uniqueIds } from "../../pop3d/unique-id.js";
import type { Account } from "../../shared/accounts/account.js";
import { hashScramSha256 } from "../../shared/accounts/schemes/scram.js";
import { readStoredPassword } from "../../shared/accounts/schemes.js";
import { maildirAt } from "../../shared/maildir/maildir.js";
import { compareNames, parseName } from "../../shared/maildir/name.js";
import { TRASH } from "../../shared/maildir/quota-lines.js";
import { wireSizeOf } from "../../shared/maildir/wire-size.js";
import { RESPONSE_OCTETS_MAX } from "../../shared/sasl/exchange.js";
import type { Check, Checked } from "../../shared/sasl/mechanism.js";
import { WireForm } from "../../shared/wire-form.js";
import type { StoredMessage } from "./transcript.js";

/** Its clock stands still: 2027-01-15. */
const NOW = 1_800_000_000_000;
const ADDRESS = "alice@pillarbox.test";
const ALICE: Omit<Account, "extra"> = {
  address: ADDRESS,
  password: "{PLAIN}correct horse",
  home: "/nowhere",
  maildir: maildirAt("/nowhere/Maildir"),
};

const SCRAM = readStoredPassword(hashScramSha256("correct horse", 4096));

/** Sees each step of the session as it is made. */
export type Watch = (input: Input, step: Step, session: Session) => void;

/** The settings of its maildrop. */
export interface PureMaildrop {
  readonly folders: readonly string[];
  readonly deletion: "unlink" | "trash";
  /** The extra fields of alice's account. */
  readonly extra: ReadonlyMap<string, string>;
  /** Why it cannot be opened. */
  readonly trouble?: "in use";
}

export class PureServer {
  readonly #session: Session;
  readonly #reader = new LineReader();
  readonly #account: Account;
  #stored: readonly StoredMessage[];
  #sent: Buffer[] = [];
  #awaitsTls = false;
  #closed = false;
  readonly #maildrop: PureMaildrop;
  readonly #watch: Watch;
  #expireMs = Number.POSITIVE_INFINITY;

  constructor(
    rules: SessionRules,
    messages: readonly StoredMessage[],
    maildrop: PureMaildrop = { folders: [""], deletion: "unlink", extra: new Map() },
    watch: Watch = () => {},
  ) {
    this.#session = new Session(rules);
    this.#account = { ...ALICE, extra: maildrop.extra };
    this.#stored = messages;
    this.#maildrop = maildrop;
    this.#watch = watch;
    this.#say([this.#session.greeting]);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** True when a TLS handshake has to come next. */
  get awaitsTls(): boolean {
    return this.#awaitsTls;
  }

  /** What has not been removed, as `filename` or `.Folder/filename`. */
  get left(): string[] {
    return this.#stored.map(keyOf);
  }

  /** Another program delivers a message. */
  deliver(message: StoredMessage): void {
    this.#stored = [...this.#stored, message];
  }

  /** Another program removes a message, by its file's name. */
  remove(filename: string): void {
    this.#stored = this.#stored.filter((message) => message.filename !== filename);
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
    for (let line = this.#nextLine(); line !== undefined; line = this.#nextLine()) {
      this.#step(line);
      if (this.#closed || this.#awaitsTls) return;
    }
  }

  #nextLine(): Line | undefined {
    return this.#reader.next(this.#session.awaitsResponse ? RESPONSE_OCTETS_MAX : 4096);
  }

  /** The handshake succeeds. What came before it is dropped. */
  beginTls(): void {
    assert.ok(this.#awaitsTls, "the server does not wait for TLS");
    this.#awaitsTls = false;
    this.#reader.clear();
    this.#step({ kind: "start TLS", channelBinding: Buffer.alloc(32) });
  }

  #step(input: Input): void {
    const step = this.#session.step(input);
    this.#watch(input, step, this.#session);
    const { replies, effect } = step;
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
      case "authenticate":
        return { kind: "authenticate", checked: this.#check(effect.check) };
      case "delay":
      case "pause":
        return { kind: effect.kind };
      case "open maildrop":
        this.#expireMs = effect.policy.expireMs;
        return { kind: "open maildrop", outcome: this.#maildrop.trouble ?? this.#open() };
      case "send message": {
        const { message, bodyLines, reply } = effect;
        const stored = this.#stored.find((one) => isStored(message, one))?.octets;
        if (stored === undefined) return { kind: "send message", outcome: "gone" };
        this.#say([reply]);
        const form = new WireForm();
        const whole = effect.nonAsciiHeaders === "as stored" ? stored : surrogateOf(stored).octets;
        const part = bodyLines === undefined ? whole : new TopCut(bodyLines).take(whole);
        this.#sent.push(form.convert(part), form.end());
        return { kind: "send message", outcome: "sent" };
      }
      case "update":
        this.#stored = this.#stored.flatMap((stored) => {
          if (!this.#goes(stored, effect.maildrop)) return [stored];
          const trashed = this.#maildrop.deletion === "trash" && stored.within !== TRASH;
          return trashed ? [{ ...stored, within: TRASH }] : [];
        });
        return { kind: "update", outcome: "complete" };
    }
  }

  /** Alice is known by two names; her token is "hers". */
  #check(check: Check): Checked {
    const known = check.username === "alice" || check.username === ADDRESS;
    switch (check.kind) {
      case "password":
        return this.#verdict(known && check.password === "correct horse");
      case "token":
        return this.#verdict(known && check.token === "hers");
      case "SCRAM keys": {
        const keys = SCRAM.kind === "credential" ? SCRAM.credential.scram : undefined;
        assert.ok(keys && "salt" in keys);
        return { kind: "keys", keys, account: known ? this.#account : undefined, nonce: "server" };
      }
      case "SCRAM proof":
        return this.#verdict(check.proved && check.account !== undefined);
    }
  }

  #verdict(granted: boolean): Checked {
    return granted ? { kind: "granted", account: this.#account } : { kind: "refused" };
  }

  /** Whether a message is removed by an UPDATE. A name that does not tell its delivery is one of today. */
  #goes(stored: StoredMessage, maildrop: Maildrop): boolean {
    const { filename } = stored;
    const { flags } = parseName(filename);
    const message = maildrop.messages.find((one) => isStored(one, stored));
    if (message === undefined || maildrop.isDeleted(message)) return message !== undefined;
    const retrieved = maildrop.wasRetrieved(message) || flags.includes("S");
    return retrieved && isExpired(deliveredAt(filename, NOW) ?? NOW, NOW, this.#expireMs);
  }

  #open(): Maildrop {
    const found = this.#maildrop.folders.flatMap((folder) => {
      const stored = this.#stored.filter(({ within }) => within === folder);
      const ids = uniqueIds(
        stored.map(({ filename }) => parseName(filename)),
        folder,
      );
      return stored.map((message, i) => ({ ...message, uniqueId: ids[i] ?? "" }));
    });
    const messages = found.toSorted((a, b) => compareNames(a.filename, b.filename));
    return new Maildrop(
      messages.map(({ within: folder, filename, octets, uniqueId }, i) => {
        const { identity, wireSize = wireSizeOf(octets) } = parseName(filename);
        return {
          number: i + 1,
          folder,
          identity,
          uniqueId,
          ...sizesOf(surrogateOf(octets).surrogate, wireSize),
        };
      }),
    );
  }
}

function surrogateOf(message: Buffer): { readonly octets: Buffer; readonly surrogate: Surrogate } {
  const surrogate = new Surrogate();
  return { octets: Buffer.concat([surrogate.convert(message), surrogate.end()]), surrogate };
}

/** Under whatever flags. */
function isStored({ folder, identity }: Message, { within, filename }: StoredMessage): boolean {
  return folder === within && parseName(filename).identity === identity;
}

function keyOf({ within, filename }: StoredMessage): string {
  return within === "" ? filename : `${within}/${filename}`;
}
