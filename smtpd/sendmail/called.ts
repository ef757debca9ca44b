/**
 * Whether smtpd was called as sendmail: by that name, through a symbolic link, or by `smtpd sendmail`. Pure.
 *
 * The names that mail programs and people have known for decades are three, and each has a purpose of its own.
 */
import type { Mode } from "./flags.js";

export interface Call {
  /** What errors are prefixed with. */
  readonly program: string;
  readonly mode: Mode;
  /** sendmail's own words. */
  readonly words: readonly string[];
}

const PROGRAMS: ReadonlyMap<string, Mode> = new Map<string, Mode>([
  ["sendmail", "submit"],
  ["mailq", "list"],
  ["newaliases", "newaliases"],
]);

/**
 * How sendmail was called; undefined where it is another command that is meant, or help.
 * @param program the last part of the path by which smtpd was called
 */
export function callOf(program: string, words: readonly string[]): Call | undefined {
  if (words.at(-1) === "--help" && words.length <= 2) return undefined;
  const mode = PROGRAMS.get(program);
  if (mode !== undefined) return { program, mode, words };
  const before = words.indexOf("sendmail");
  const options = words.slice(0, Math.max(before, 0));
  const isConfig = options.length === 2 ? options[0] === "--config" : /^--config=/.test(options.join(" "));
  if (before < 0 || (options.length > 0 && !(isConfig && options.length <= 2))) return undefined;
  return { program: "sendmail", mode: "submit", words: [...options, ...words.slice(before + 1)] };
}
