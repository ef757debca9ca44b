/**
 * Answers that are kept for a while, and questions that are asked once for all who want to know at the same moment: a
 * thousand queued messages for a domain ask for its hosts once. Bounded in number; the oldest answer goes first.
 *
 * Who no longer waits (its signal is aborted) is rejected with the signal's reason at once; a question that nobody waits for
 * any more is given up. An error is not kept.
 */

/** Enough for a busy day's domains; an answer is some hundred octets. */
const ANSWERS_MAX = 2000;

interface Answer<T> {
  readonly value: T;
  /** Of the clock that was given. */
  readonly until: number;
}

interface Question<T> {
  readonly answer: Promise<T>;
  readonly abort: AbortController;
  waiting: number;
}

export interface SharedLookupsOptions<T> {
  readonly ask: (key: string, signal: AbortSignal) => Promise<T>;
  /** Milliseconds for which an answer may be believed. */
  readonly lifetimeMs: (answer: T) => number;
  /** Milliseconds, of any clock that only goes forward. */
  readonly now: () => number;
}

export class SharedLookups<T> {
  readonly #options: SharedLookupsOptions<T>;
  /** In the order in which they came. */
  readonly #answers = new Map<string, Answer<T>>();
  readonly #questions = new Map<string, Question<T>>();

  constructor(options: SharedLookupsOptions<T>) {
    this.#options = options;
  }

  async get(key: string, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    const known = this.#answers.get(key);
    if (known !== undefined && this.#options.now() < known.until) return known.value;
    const question = this.#questions.get(key) ?? this.#ask(key);
    question.waiting++;
    try {
      return await unlessAborted(question.answer, signal);
    } finally {
      question.waiting--;
      if (question.waiting === 0) this.#giveUp(key, question);
    }
  }

  #ask(key: string): Question<T> {
    const abort = new AbortController();
    const answer = this.#options.ask(key, abort.signal).then((value) => {
      if (!abort.signal.aborted) this.#keep(key, value);
      return value;
    });
    // Nobody may be left to hear of an error.
    answer.catch(() => {});
    const question = { answer, abort, waiting: 0 };
    this.#questions.set(key, question);
    return question;
  }

  #keep(key: string, value: T): void {
    this.#answers.delete(key);
    this.#answers.set(key, { value, until: this.#options.now() + this.#options.lifetimeMs(value) });
    if (this.#answers.size <= ANSWERS_MAX) return;
    const [oldest] = this.#answers.keys();
    if (oldest !== undefined) this.#answers.delete(oldest);
  }

  #giveUp(key: string, question: Question<T>): void {
    if (this.#questions.get(key) === question) this.#questions.delete(key);
    question.abort.abort();
  }
}

/** What `promise` comes to, or a rejection with the reason of `signal` once that is aborted. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
