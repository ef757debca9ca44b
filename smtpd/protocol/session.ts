/** What a session remembers between commands, and what all sessions of a listener share. */
import type { Account } from "../../shared/accounts/account.js";
import type { Certificates } from "../../shared/certificates.js";
import { isLoopback } from "../../shared/listen-address.js";
import type { Log } from "../../shared/log.js";
import type { LoginGuard } from "../../shared/login-guard.js";
import type { Mechanism } from "../../shared/sasl/mechanism.js";
import { offeredMechanisms } from "../../shared/sasl/mechanisms.js";
import type { Role, SmtpdConfig, SmtpdListenerConfig } from "../config.js";
import type { Envelope, Receiver, Recipient, ReversePath, SessionFacts } from "./receiver.js";
import type { Reception } from "./reception.js";

/** What all sessions of a listener share. */
export interface Service<Destination> {
  readonly hostname: string;
  /** The domain of `<Postmaster>`. */
  readonly defaultDomain: string;
  readonly limits: SmtpdConfig["limits"];
  readonly bareLf: SmtpdConfig["receive"]["bare_lf"];
  readonly listener: SmtpdListenerConfig;
  readonly receiver: Receiver<Destination>;
  /** What logins have to wait for, at all listeners. */
  readonly guard: LoginGuard;
  /** The certificates in force; asked at each handshake, so that new ones need no restart. */
  readonly certificates: () => Certificates | undefined;
}

/** A mail transaction (RFC 5321 §3.3), from an accepted MAIL on. */
export interface Transaction<Destination> extends Envelope<Destination> {
  readonly reversePath: ReversePath;
  readonly recipients: Recipient<Destination>[];
  /** True once a recipient was refused. */
  refused: boolean;
  /** Its message, from DATA or the first BDAT on. */
  message: Reception | undefined;
  /** True once a chunk of the message was refused, after which it cannot come whole. */
  failed: boolean;
}

export interface SessionStart {
  readonly localAddress: string;
  readonly remoteAddress: string;
  readonly tls: SessionFacts["tls"];
  readonly log: Log;
}

/** The facts are fields of its own, so that they can be spread into other objects. */
export class Session<Destination> implements SessionFacts {
  readonly service: Service<Destination>;
  readonly role: Role;
  readonly localAddress: string;
  readonly remoteAddress: string;
  readonly log: Log;
  /** Gives back the place among the sessions of the account. */
  #leave: (() => void) | undefined;
  helo = "";
  esmtp = false;
  tls: SessionFacts["tls"];
  account: Account | undefined;
  /** The name that was last tried, as the client sent it. */
  triedUsername: string | undefined;
  transaction: Transaction<Destination> | undefined;
  /** Octets of chunks that were refused, since a message was taken. */
  refusedOctets = 0;

  constructor(service: Service<Destination>, { localAddress, remoteAddress, tls, log }: SessionStart) {
    this.service = service;
    this.role = service.listener.role;
    this.localAddress = localAddress;
    this.remoteAddress = remoteAddress;
    this.tls = tls;
    this.log = log;
  }

  get protocol(): "SMTP" | "LMTP" {
    return this.role === "lmtp" ? "LMTP" : "SMTP";
  }

  /** RFC 5321 §4.1.4: HELO and EHLO begin afresh; a login lasts. */
  greeted(helo: string, esmtp: boolean): void {
    this.helo = helo;
    this.esmtp = esmtp;
    this.transaction = undefined;
  }

  /** False when there are too many sessions of that account already. */
  loggedIn(account: Account): boolean {
    this.#leave = this.service.guard.succeeded(this.remoteAddress, account.address);
    if (this.#leave !== undefined) this.account = account;
    return this.#leave !== undefined;
  }

  /** Gives up the place among the sessions of the account. May be called again. */
  leave(): void {
    this.#leave?.();
  }

  /** RFC 3207 §4.2: nothing that was said in the clear counts any more. */
  secured(tls: SessionFacts["tls"]): void {
    this.greeted("", false);
    this.leave();
    this.account = undefined;
    this.tls = tls;
  }

  /** True when STARTTLS would be followed. */
  canStartTls(): boolean {
    const { listener, certificates } = this.service;
    return this.tls === undefined && listener.tls === "starttls" && certificates() !== undefined;
  }

  /** The SASL mechanisms for those who may log in. */
  mechanisms(): readonly Mechanism[] {
    return offeredMechanisms(this.service.receiver.logins, this.tls?.channelBinding);
  }

  /** True when a login is taken now. By SCRAM too only where a password would be: what follows is as readable. */
  mayLogIn(): boolean {
    if (this.role !== "submission") return false;
    if (this.tls !== undefined) return true;
    const { allow_plaintext_auth } = this.service.listener;
    return (
      allow_plaintext_auth === "always" ||
      (allow_plaintext_auth === "loopback" && isLoopback(this.remoteAddress))
    );
  }
}
