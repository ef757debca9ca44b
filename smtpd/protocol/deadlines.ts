/**
 * By when a client must have done what it is expected to do: end a command line, send the next piece of a message or all
 * of it, finish a TLS handshake. A single octet now and then extends none of them but the pause between two pieces of a
 * message, which the time for the whole message bounds. While it is our turn no time runs; the time for the session is
 * looked at again when it is the client's.
 *
 * One timer serves a connection. Moving the deadline later, which happens with every command and every piece, only
 * changes a number; the timer finds out when it fires.
 */
export interface TimeLimits {
  readonly command_time: number;
  readonly data_idle_time: number;
  readonly data_time: number;
  readonly session_time: number;
  readonly tls_handshake_time: number;
}

/** More than this does not fit setTimeout, which would fire at once. */
const TIMER_MS_MAX = 2 ** 31 - 1;

export class Deadlines {
  readonly #limits: TimeLimits;
  readonly #expired: () => void;
  readonly #sessionEnd: number;
  #dataEnd = Number.POSITIVE_INFINITY;
  /** When the client is late. */
  #at = Number.POSITIVE_INFINITY;
  /** When the timer fires: not later than #at. */
  #firesAt = Number.POSITIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  /** @param limits in milliseconds */
  constructor(limits: TimeLimits, expired: () => void) {
    this.#limits = limits;
    this.#expired = expired;
    this.#sessionEnd = performance.now() + limits.session_time;
  }

  /** The client is to send a command line; within a message, that of its next chunk, and the time for the message goes on. */
  command({ inMessage }: { readonly inMessage: boolean }): void {
    if (!inMessage) this.#dataEnd = Number.POSITIVE_INFINITY;
    this.#set(Math.min(performance.now() + this.#limits.command_time, this.#dataEnd));
  }

  handshake(): void {
    this.#set(performance.now() + this.#limits.tls_handshake_time);
  }

  /** The client is to send a message, or a chunk of the one that it has begun. */
  message(): void {
    this.#dataEnd = Math.min(this.#dataEnd, performance.now() + this.#limits.data_time);
    this.pieceOfMessage();
  }

  /** The client is to send more of it. */
  pieceOfMessage(): void {
    this.#set(Math.min(performance.now() + this.#limits.data_idle_time, this.#dataEnd));
  }

  /** It is our turn. */
  ours(): void {
    this.#at = Number.POSITIVE_INFINITY;
  }

  /** For good. */
  stop(): void {
    this.#stopped = true;
    this.ours();
    clearTimeout(this.#timer);
  }

  #set(at: number): void {
    if (this.#stopped) return;
    this.#at = Math.min(at, this.#sessionEnd);
    if (this.#at < this.#firesAt) this.#start();
  }

  #start(): void {
    clearTimeout(this.#timer);
    this.#firesAt = this.#at;
    const wait = Math.min(Math.max(this.#at - performance.now(), 0), TIMER_MS_MAX);
    this.#timer = setTimeout(() => this.#fired(), wait);
  }

  #fired(): void {
    this.#firesAt = Number.POSITIVE_INFINITY;
    if (this.#at === Number.POSITIVE_INFINITY) return;
    if (performance.now() < this.#at) this.#start();
    else this.#expired();
  }
}
