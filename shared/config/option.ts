/**
 * The kinds of values that a configuration file may hold, as zod schemas. Each is an option's row in a table:
 * default, what is allowed (the text of the error), and help. From the table follow types, validation, the
 * defaults, and the list that the documentation is checked against.
 */
import { z } from "zod";
import { parseDomain } from "../address.js";
import { LISTEN_ADDRESS_FORMS, type ListenAddress, parseListenAddress } from "../listen-address.js";
import { NETWORK_FORMS, type Network, parseNetwork } from "../networks.js";
import {
  DURATION_FORMS,
  formatDuration,
  formatSize,
  parseDuration,
  parseSize,
  SIZE_FORMS,
} from "../units.js";

/** A string that `parse` makes a value of; `allowed` says in an error what would have been right. */
export function parsed<T>(parse: (text: string) => T | undefined, allowed: string) {
  return z.string({ error: allowed }).transform((text, context): T => {
    const value = parse(text);
    if (value !== undefined) return value;
    context.addIssue({ code: "custom", message: allowed });
    return z.NEVER;
  });
}

/** Octets, written "50MiB", and `least` octets at least. */
export const size = (least = 0) => {
  const allowed = least > 0 ? `${SIZE_FORMS}, of ${formatSize(least)} or more` : SIZE_FORMS;
  return parsed((text) => within(least, parseSize(text), Number.MAX_SAFE_INTEGER), allowed);
};

/** What setTimeout can wait for, 2^31 - 1 milliseconds; it takes more for 1 millisecond. In whole days. */
const TIMER_MS_MAX = 24 * 86_400_000;

/** Milliseconds, written "10m", for timers. `least` guards against values that would end every session at once. */
export const duration = (least = 0, most = TIMER_MS_MAX) => {
  const allowed = `${DURATION_FORMS}, from ${formatDuration(least)} to ${formatDuration(most)}`;
  return parsed((text) => within(least, parseDuration(text), most), allowed);
};

function within(least: number, value: number | undefined, most: number): number | undefined {
  return value !== undefined && value >= least && value <= most ? value : undefined;
}

/** A whole number from `least` to `most`. */
export const count = (least: number, most: number) => {
  const error = `a whole number from ${least} to ${most}`;
  return z.int({ error }).min(least, { error }).max(most, { error });
};

export const text = (allowed: string) => z.string({ error: allowed }).min(1, { error: allowed });

export const flag = () => z.boolean({ error: "true or false" });

/** One of a few words. */
export const choice = <const T extends readonly [string, ...string[]]>(words: T) =>
  z.enum(words, { error: oneOf(words.map((word) => JSON.stringify(word))) });

/** `"a", "b" or "c"` */
function oneOf(words: readonly string[]): string {
  return [words.slice(0, -1).join(", "), ...words.slice(-1)].filter((part) => part !== "").join(" or ");
}

/** An absolute path of the file system. */
export const path = () =>
  parsed(
    (value) => (/^\/[^\0]*$/.test(value) ? value.replace(/(?<=.)\/+$/, "") : undefined),
    "an absolute path",
  );

/** A domain name, held in lower case with A-labels. */
export const domain = () =>
  parsed(
    (value) => (value.startsWith("[") ? undefined : parseDomain(value)),
    'a domain name, such as "example.org"',
  );

export const listenAddress = () => parsed<ListenAddress>(parseListenAddress, LISTEN_ADDRESS_FORMS);

/** Where secrets may be sent by HTTP: encrypted, or to this host alone. */
export const secureUrl = () =>
  parsed(parseSecureUrl, 'a URL of https, or of http to this host, such as "https://example.org/path"');

function parseSecureUrl(value: string): string | undefined {
  if (!URL.canParse(value)) return undefined;
  const { protocol, hostname, username, password, hash, href } = new URL(value);
  const local = ["localhost", "[::1]"].includes(hostname) || /^127\.\d+\.\d+\.\d+$/.test(hostname);
  if (protocol !== "https:" && !(protocol === "http:" && local)) return undefined;
  return username + password + hash === "" ? href : undefined;
}

export const network = () => parsed<Network>(parseNetwork, NETWORK_FORMS);

/** A list of at least `least` things. */
export const list = <T extends z.ZodType>(item: T, allowed: string, least = 0) =>
  z.array(item, { error: allowed }).min(least, { error: allowed });

/** A table with exactly these keys. */
export const table = <T extends z.core.$ZodShape>(shape: T) => z.strictObject(shape, { error: "a table" });

/**
 * A table that may be left out altogether, since each of its keys has a default. (The compiler cannot know that of an
 * unknown shape; a test of the two schemas does.)
 */
export const optionalTable = <T extends z.core.$ZodShape>(shape: T) => table(shape).prefault({} as never);
