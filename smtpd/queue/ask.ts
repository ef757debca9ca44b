/**
 * The command line's side of control/ (control-request.ts): asks the running smtpd, and waits for what came of it, for a
 * bounded time. A request that nobody takes up is withdrawn; by then it is certain that nothing was done.
 *
 * Who has taken it up may die over it, and then nobody will answer: that is looked for as well.
 *
 * Being told of the result is a hint (shared/watch.ts would settle first, and this one is waited for by a person): the
 * folder is looked into at short intervals as well.
 */
import { type FSWatcher, watch } from "node:fs";
import type { ControlFolder } from "./control-folder.js";
import {
  type ControlRequest,
  type ControlResult,
  formatRequest,
  parseResult,
  requestName,
  resultName,
} from "./control-request.js";

const LOOK_EVERY_MS = 250;

export type Asked =
  | ControlResult
  /** Nobody took it up; it was withdrawn, and nothing was done. */
  | { readonly kind: "withdrawn" }
  /** It was taken up, and there is no result yet. */
  | { readonly kind: "unanswered" }
  /** It was taken up, and whoever did so has ended: it was done for all messages, for some or for none. */
  | { readonly kind: "abandoned" };

/** How long to wait, in milliseconds: until somebody takes it up, and from then on until it is done. */
export interface Patience {
  readonly takenUpMs: number;
  readonly doneMs: number;
  /** Who there is to take it up; undefined when there is nobody. */
  readonly holder: () => Promise<string | undefined>;
}

/**
 * Asks. Rejects with the system's error when the request cannot be written.
 * @param id unique, in the form of a queue id
 */
export async function ask(
  folder: ControlFolder,
  id: string,
  { action, selection }: Omit<ControlRequest, "until">,
  { takenUpMs, doneMs, holder }: Patience,
): Promise<Asked> {
  let asked = await holder();
  const until = Date.now() + takenUpMs;
  const hints = new Hints(folder.path);
  try {
    await folder.write(requestName(id), formatRequest({ action, selection, until }));
    const answer = await resultBefore(until, folder, id, hints);
    if (answer !== undefined) return answer;
    if (await folder.remove(requestName(id))) return { kind: "withdrawn" };
    const isThere = async () => {
      const now = await holder();
      // It may have come just now, and not have said who it is.
      asked ||= now;
      return now !== undefined && now === asked;
    };
    const result = await resultBefore(Date.now() + doneMs, folder, id, hints, isThere);
    if (result !== undefined) return result;
    // One that has ended may have answered just before.
    return (await fetchResult(folder, id)) ?? { kind: (await isThere()) ? "unanswered" : "abandoned" };
  } finally {
    hints.close();
  }
}

async function resultBefore(
  end: number,
  folder: ControlFolder,
  id: string,
  hints: Hints,
  goesOn: () => Promise<boolean> = async () => true,
): Promise<ControlResult | undefined> {
  for (;;) {
    const result = await fetchResult(folder, id);
    const left = end - Date.now();
    if (result !== undefined || left <= 0 || !(await goesOn())) return result;
    await hints.next(Math.min(left, LOOK_EVERY_MS));
  }
}

async function fetchResult(folder: ControlFolder, id: string): Promise<ControlResult | undefined> {
  const octets = folder.read(resultName(id));
  if (octets === undefined) return undefined;
  await folder.remove(resultName(id));
  return parseResult(octets) ?? { kind: "refused", reason: "smtpd answered what is not understood" };
}

/** Changes of a directory, as far as the system tells of them. */
class Hints {
  readonly #watcher: FSWatcher | undefined;
  #wake = () => {};

  constructor(directory: string) {
    try {
      this.#watcher = watch(directory, () => this.#wake());
      this.#watcher.on("error", () => {});
    } catch {
      // No inotify left: looking at intervals does.
    }
  }

  /** Resolves at the next change, and after this time at the latest. */
  next(waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  close(): void {
    this.#watcher?.close();
  }
}
