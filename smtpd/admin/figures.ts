/** Sizes and spans of time as a table shows them: short, and no more exact than is of use. Pure. */

const SIZES = ["B", "KiB", "MiB", "GiB", "TiB"];
const SPANS = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "m"],
  [1000, "s"],
] as const;

/** `842B`, `4.2KiB`, `17MiB`: two digits at least where there are as many. */
export function shortSize(octets: number): string {
  let value = octets;
  let unit = 0;
  while (value >= 1000 && unit < SIZES.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit > 0 && value < 9.95 ? value.toFixed(1) : Math.round(value)}${SIZES[unit]}`;
}

/** `0s`, `38m`, `4h`, `12d`: the largest unit of which there are two, else of which there is one; rounded down. */
export function shortSpan(milliseconds: number): string {
  for (const [per, unit] of SPANS)
    if (milliseconds >= 2 * per) return `${Math.floor(milliseconds / per)}${unit}`;
  return milliseconds >= 1000 ? "1s" : "0s";
}

/** `1 message`, `2 messages`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
