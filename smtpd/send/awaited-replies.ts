/** The replies that a session waits for, in the order of the commands, and who waits for them. Pure. */
import type { Happening, Stage } from "./hop.js";

export interface Awaited {
  /** Moves on while a message is sent. */
  stage: Stage;
  /** How long it may take once all before it have come. */
  readonly ms: number;
  readonly take: (happening: Happening) => void;
}

export class AwaitedReplies {
  readonly #awaited: Awaited[] = [];

  /** The one that comes next. */
  get next(): Awaited | undefined {
    return this.#awaited[0];
  }

  /** Resolves when each of these has its reply, or what came in its place. */
  add(replies: readonly { readonly stage: Stage; readonly ms: number }[]): Promise<Happening[]> {
    return new Promise((resolve) => {
      const happenings: Happening[] = [];
      const take = (happening: Happening) => {
        if (happenings.push(happening) === replies.length) resolve(happenings);
      };
      for (const { stage, ms } of replies) this.#awaited.push({ stage, ms, take });
    });
  }

  /** Whoever waits by now moves on to this stage. */
  moveTo(stage: Stage): void {
    for (const awaited of this.#awaited) awaited.stage = stage;
  }

  /** Hands the next one what has come for it. */
  answer(happening: Happening): void {
    this.#awaited.shift()?.take(happening);
  }

  /** Hands all of them what came in place of their replies. */
  answerAll(happening: Happening): void {
    for (const { take } of this.#awaited.splice(0)) take(happening);
  }
}
