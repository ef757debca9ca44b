/** Going through very many things without holding up the sessions of this process. */
import { setImmediate as nextTurn } from "node:timers/promises";

/** A turn of the event loop may take this long. */
const SLICE_MS = 10;

/**
 * Does `action` for each item, in order; other work has its turn every few milliseconds. Rejects with the first error, and with
 * the reason of `signal` once that is given.
 */
export async function inSlices<T>(
  items: Iterable<T>,
  action: (item: T) => Promise<unknown> | undefined,
  signal?: AbortSignal,
): Promise<void> {
  let begun = performance.now();
  for (const item of items) {
    signal?.throwIfAborted();
    const pending = action(item);
    if (pending !== undefined) await pending;
    if (performance.now() - begun < SLICE_MS) continue;
    await nextTurn();
    begun = performance.now();
  }
}
