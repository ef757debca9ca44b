/**
 * A map that forgets: what has not been set for its lifetime, and, beyond so many entries, what has not been set for
 * longest. For what strangers make us remember. Pure: the caller brings the clock.
 */

export interface RecentBounds {
  readonly entries: number;
  readonly lifetimeMs: number;
}

interface Entry<V> {
  readonly value: V;
  readonly set: number;
}

export class Recent<V> {
  readonly #bounds: RecentBounds;
  /** In the order in which they were last set. */
  readonly #entries = new Map<string, Entry<V>>();

  constructor(bounds: RecentBounds) {
    this.#bounds = bounds;
  }

  /** @param now milliseconds, of any clock that only goes forward */
  get(key: string, now: number): V | undefined {
    const entry = this.#entries.get(key);
    return entry !== undefined && now - entry.set < this.#bounds.lifetimeMs ? entry.value : undefined;
  }

  set(key: string, value: V, now: number): void {
    // Added anew, so that it is the youngest: the Map keeps the order of insertion.
    this.#entries.delete(key);
    this.#entries.set(key, { value, set: now });
    if (this.#entries.size <= this.#bounds.entries) return;
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.#entries.delete(oldest);
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }
}
