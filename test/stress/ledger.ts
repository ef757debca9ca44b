/**
 * What is known of every message while many programs work on one Maildir: who delivered it, who may have removed it, under
 * which unique-ids it was seen. Pure. Whatever contradicts it is a violation, and one is one too many.
 *
 * A message is known by its token, which its header and its last line bear. It is *certain* from the moment that its
 * delivery has been acknowledged until somebody is about to remove it or to move it away; who is says so here before he
 * does it. A message that is certain all through a login must be in that session's maildrop.
 */

interface Record {
  readonly deliveredBy: string;
  /** Since which event; undefined when it may be elsewhere. */
  certainSince: number | undefined;
  acknowledged: boolean;
  /** Who may have removed it. */
  readonly removers: Set<string>;
  /** How often it has come back under another name. */
  returns: number;
  readonly uniqueIds: Set<string>;
}

/** The messages that are certain, each with the event since which it is. */
export type Certain = ReadonlyMap<string, number>;

export class Ledger {
  readonly violations: string[] = [];
  readonly #records = new Map<string, Record>();
  readonly #tokens = new Map<string, string>();
  readonly #octets = new Map<string, number>();
  /** When a unique-id was last known to be of no message any more. */
  readonly #gone = new Map<string, number>();
  /** Unique-ids that were listed after that. */
  readonly #again = new Set<string>();
  #events = 0;

  /** The event that is next, to compare others with. */
  get now(): number {
    return ++this.#events;
  }

  get certain(): Certain {
    const certain = new Map<string, number>();
    for (const [token, { certainSince }] of this.#records)
      if (certainSince !== undefined) certain.set(token, certainSince);
    return certain;
  }

  /** A delivery begins; returns the new message's token. */
  begin(deliveredBy: string): string {
    // No token is part of another.
    const token = `x${this.#records.size + 1}x`;
    this.#records.set(token, {
      deliveredBy,
      certainSince: undefined,
      acknowledged: false,
      removers: new Set(),
      returns: 0,
      uniqueIds: new Set(),
    });
    return token;
  }

  /** Its delivery has been acknowledged. */
  delivered(token: string): void {
    const record = this.#of(token);
    record.acknowledged = true;
    if (record.removers.size === 0) record.certainSince = this.now;
  }

  /** Somebody is about to remove it. */
  mayBeRemoved(token: string, by: string): void {
    const record = this.#of(token);
    record.removers.add(by);
    record.certainSince = undefined;
  }

  /** Somebody is about to move it to another folder. */
  movesAway(token: string): void {
    this.#of(token).certainSince = undefined;
  }

  /** Somebody is about to move it back. */
  mayReturn(token: string): void {
    this.#of(token).returns++;
  }

  /** It has been moved back. */
  returned(token: string): void {
    const record = this.#of(token);
    if (record.removers.size === 0) record.certainSince = this.now;
  }

  /** A session has found this message under this unique-id. */
  identified(uniqueId: string, token: string, octets: number): void {
    const record = this.#records.get(token);
    if (record === undefined) {
      this.violated(`${uniqueId} holds ${token}, which nobody has delivered`);
      return;
    }
    const before = this.#tokens.get(uniqueId);
    if (before !== undefined && before !== token) this.violated(`${uniqueId} was ${before}, is ${token}`);
    this.#tokens.set(uniqueId, token);
    if (this.#again.has(uniqueId)) this.#judgeReturn(uniqueId, token);
    const size = this.#octets.get(uniqueId);
    if (size !== undefined && size !== octets) this.violated(`${uniqueId} had ${size} octets, has ${octets}`);
    this.#octets.set(uniqueId, octets);
    record.uniqueIds.add(uniqueId);
    if (record.uniqueIds.size > 1 + record.returns)
      this.violated(`${token} (${record.deliveredBy}) was ${[...record.uniqueIds].join(" and ")}`);
  }

  tokenOf(uniqueId: string): string | undefined {
    return this.#tokens.get(uniqueId);
  }

  /** Whether a message may lie in the Maildir under two names: it has been moved away and back. */
  mayBeTwo(token: string): boolean {
    return this.#of(token).returns > 0;
  }

  /** A session was told that the message is gone, or that it has removed it. */
  gone(uniqueId: string, how: "removed" | "missing"): void {
    const token = this.#tokens.get(uniqueId);
    // One that has come back is there under another unique-id.
    if (how === "missing" && token !== undefined && this.certain.has(token) && !this.mayBeTwo(token))
      this.violated(`${uniqueId} (${token}) is there, and was called gone`);
    this.#gone.set(uniqueId, this.now);
  }

  /** A login that began at `event` has listed this. */
  listed(uniqueId: string, event: number): void {
    if ((this.#gone.get(uniqueId) ?? Number.POSITIVE_INFINITY) > event) return;
    this.#again.add(uniqueId);
    const token = this.#tokens.get(uniqueId);
    if (token !== undefined) this.#judgeReturn(uniqueId, token);
  }

  /** Dovecot gives a message that has been away its old name again, when it remembers that. Nothing else may come back. */
  #judgeReturn(uniqueId: string, token: string): void {
    if (!this.mayBeTwo(token)) this.violated(`${uniqueId} (${token}) was gone and is listed again`);
  }

  /** What was certain before and after must have been seen in between. */
  missing(before: Certain, after: Certain, seen: ReadonlySet<string>): void {
    for (const [token, since] of before)
      if (after.get(token) === since && !seen.has(token))
        this.violated(`${token} (${this.#of(token).deliveredBy}) is not listed`);
  }

  /** At the end: the tokens found in all folders. What was acknowledged is there, or somebody has removed it. */
  settle(found: ReadonlySet<string>): void {
    for (const [token, { deliveredBy, acknowledged, removers }] of this.#records)
      if (acknowledged && removers.size === 0 && !found.has(token))
        this.violated(`${token}, delivered by ${deliveredBy}, is lost`);
    for (const token of found) if (!this.#records.has(token)) this.violated(`${token} comes from nowhere`);
  }

  violated(what: string): void {
    this.violations.push(what);
  }

  #of(token: string): Record {
    const record = this.#records.get(token);
    if (record === undefined) throw new Error(`no message ${token}`);
    return record;
  }
}
