/** What a host offers: the reply to EHLO or LHLO (RFC 5321 §4.1.1.1), as far as we make use of it. Pure. */
import type { HostReply } from "./replies.js";

export interface Extensions {
  readonly pipelining: boolean;
  readonly eightBitMime: boolean;
  readonly dsn: boolean;
  readonly smtputf8: boolean;
  /** RFC 1870: undefined where it is not offered; 0 where there is no fixed maximum. */
  readonly size: number | undefined;
  /** Mechanisms of AUTH, in upper case. */
  readonly auth: readonly string[];
}

/** After HELO. */
export const NO_EXTENSIONS: Extensions = {
  pipelining: false,
  eightBitMime: false,
  dsn: false,
  smtputf8: false,
  size: undefined,
  auth: [],
};

/** The first line greets; each other one is a keyword with its parameters. */
export function extensionsOf({ lines }: HostReply): Extensions {
  const offered = new Map<string, string[]>();
  for (const line of lines.slice(1)) {
    // "AUTH=LOGIN" is how it was written before RFC 2554; some hosts say it both ways.
    const [keyword = "", ...parameters] = line
      .trim()
      .toUpperCase()
      .split(/[ \t=]+/);
    offered.set(keyword, [...(offered.get(keyword) ?? []), ...parameters]);
  }
  return {
    pipelining: offered.has("PIPELINING"),
    eightBitMime: offered.has("8BITMIME"),
    dsn: offered.has("DSN"),
    smtputf8: offered.has("SMTPUTF8"),
    size: sizeOf(offered.get("SIZE")),
    auth: offered.get("AUTH") ?? [],
  };
}

/** RFC 1870 §4: up to 20 digits. A maximum that is no number is none that we could keep to. */
function sizeOf(parameters: readonly string[] | undefined): number | undefined {
  if (parameters === undefined) return undefined;
  const [most = ""] = parameters;
  return /^\d{1,20}$/.test(most) ? Number(most) : 0;
}
