/** Random choices that a seed repeats. Pure. */

export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** Another source, which does not depend on how often this one is asked. */
  fork(name: string): Random {
    let state = this.#state;
    for (const octet of Buffer.from(name)) state = Math.imul(state ^ octet, 0x01000193);
    return new Random(state);
  }

  /** From 0 to less than 1: mulberry32. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** From 0 to less than `limit`. */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(choices: readonly T[]): T | undefined {
    return choices[this.below(choices.length)];
  }

  /** Some of these, in another order; at most `count`. */
  some<T>(choices: readonly T[], count: number): T[] {
    const left = [...choices];
    const picked: T[] = [];
    while (picked.length < count && left.length > 0) picked.push(...left.splice(this.below(left.length), 1));
    return picked;
  }
}
