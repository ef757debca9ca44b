/** Sizes and times as people write them in a configuration file: "50MiB", "5d". Pure. */

const OCTETS_PER: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1000,
  KiB: 1024,
  MB: 1000 ** 2,
  MiB: 1024 ** 2,
  GB: 1000 ** 3,
  GiB: 1024 ** 3,
  TB: 1000 ** 4,
  TiB: 1024 ** 4,
};

const MILLISECONDS_PER: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
};

export const SIZE_FORMS = 'a size with a unit, such as "512KiB", "50MiB" or "1GiB"';
export const DURATION_FORMS = 'a time with a unit, such as "500ms", "30s", "10m", "4h" or "5d"';

/** Octets of a size such as "50MiB", or undefined when it is none. */
export function parseSize(text: string): number | undefined {
  return parseWithUnit(text, OCTETS_PER);
}

/** Milliseconds of a time such as "10m", or undefined when it is none. */
export function parseDuration(text: string): number | undefined {
  return parseWithUnit(text, MILLISECONDS_PER);
}

function parseWithUnit(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const match = /^(\d{1,15}) ?([A-Za-z]+)$/.exec(text);
  const unit = units[match?.[2] ?? ""];
  if (match?.[1] === undefined || unit === undefined) return undefined;
  const value = Number(match[1]) * unit;
  return Number.isSafeInteger(value) ? value : undefined;
}

/** A size for people to read: the largest binary unit that divides it, else octets. Inverse of parseSize. */
export function formatSize(octets: number): string {
  for (const unit of ["TiB", "GiB", "MiB", "KiB"]) {
    const per = OCTETS_PER[unit] ?? 1;
    if (octets >= per && octets % per === 0) return `${octets / per}${unit}`;
  }
  return `${octets}B`;
}

/** A time for people to read: the largest unit that divides it. Inverse of parseDuration. */
export function formatDuration(milliseconds: number): string {
  for (const unit of ["w", "d", "h", "m", "s"]) {
    const per = MILLISECONDS_PER[unit] ?? 1;
    if (milliseconds >= per && milliseconds % per === 0) return `${milliseconds / per}${unit}`;
  }
  return `${milliseconds}ms`;
}
