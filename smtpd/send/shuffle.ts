/** Chance, brought by the caller so that tests know what comes. Pure. */

/** A number from 0 on, below 1, each as likely as any other. */
export type Random = () => number;

/** The same in another order, each order as likely as any other (Fisher and Yates). */
export function shuffled<T>(of: readonly T[], random: Random): T[] {
  const rest = [...of];
  const result: T[] = [];
  while (rest.length > 0) result.push(...rest.splice(Math.floor(random() * rest.length), 1));
  return result;
}
