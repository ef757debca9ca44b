/** First in, first out, each in constant time. Pure. */

/** As many items that have gone may keep their places in the array. */
const GONE_MAX = 1024;

export class Fifo<T extends NonNullable<unknown>> {
  #items: (T | undefined)[] = [];
  #first = 0;

  get size(): number {
    return this.#items.length - this.#first;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  /** The first item, left where it is. */
  peek(): T | undefined {
    return this.#items[this.#first];
  }

  shift(): T | undefined {
    if (this.size === 0) return undefined;
    const item = this.#items[this.#first];
    this.#items[this.#first++] = undefined;
    if (this.#first > GONE_MAX && this.#first > this.#items.length / 2) {
      this.#items = this.#items.slice(this.#first);
      this.#first = 0;
    }
    return item;
  }

  /** Takes out all items that `which` is true of, and hands them over in their order. */
  take(which: (item: T) => boolean): T[] {
    const taken: T[] = [];
    const kept: T[] = [];
    for (let item = this.shift(); item !== undefined; item = this.shift())
      (which(item) ? taken : kept).push(item);
    this.#items = kept;
    this.#first = 0;
    return taken;
  }
}
