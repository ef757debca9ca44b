/** Doing something for each of many things, a few at a time. */

/**
 * Runs `action` for every item, `most` at a time. Rejects with the first error, when those under way have ended; items
 * not begun by then are left.
 */
export async function concurrently<T>(
  items: Iterable<T>,
  most: number,
  action: (item: T) => Promise<void>,
): Promise<void> {
  const rest = items[Symbol.iterator]();
  let failed = false;
  const work = async () => {
    for (let next = rest.next(); next.done !== true && !failed; next = rest.next()) {
      try {
        await action(next.value);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const results = await Promise.allSettled(Array.from({ length: most }, work));
  for (const result of results) if (result.status === "rejected") throw result.reason;
}
