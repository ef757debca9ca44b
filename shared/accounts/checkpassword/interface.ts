/**
 * D. J. Bernstein's checkpassword interface (https://cr.yp.to/checkpwd/interface.html), what goes in and what comes out.
 * Pure.
 *
 * A checker reads descriptor 3 to its end: the name, the password and a timestamp, each with a NUL after it, 512 octets at
 * most. For a good password it becomes the user as far as it likes, sets USER, HOME and SHELL, and runs the program that
 * its arguments name. Ours is env(1), which prints what it was given: so HOME comes back to us. With it comes a word that
 * only this check knows, so that no checker is believed that ends with 0 and has not run it: /bin/true lets nobody in.
 */

/** "There must be at most 512 bytes of data before end of file." */
const INPUT_OCTETS_MAX = 512;
const PROOF = "PILLARBOX_CHECKED";

/** What a checker is given on descriptor 3; undefined where that cannot be said in 512 octets, or has a NUL in it. */
export function checkerInput(name: string, password: string, timestamp: string): Buffer | undefined {
  if ([name, password, timestamp].some((part) => part.includes("\0"))) return undefined;
  const input = Buffer.from(`${name}\0${password}\0${timestamp}\0`);
  return input.length <= INPUT_OCTETS_MAX ? input : undefined;
}

/** The program that a checker is to run for a good password, and its arguments. @param word known to this check alone */
export function programToRun(env: string, word: string): readonly string[] {
  return [env, "-0", `${PROOF}=${word}`];
}

export type CheckerOutcome =
  | { readonly kind: "granted"; readonly home: string | undefined }
  | { readonly kind: "refused" }
  /** Nobody can say; `why` is for the log. */
  | { readonly kind: "unavailable"; readonly why: string };

/** How a checker ended, and what was printed. */
export interface CheckerEnd {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: Buffer;
}

/** What that means. */
export function readCheckerEnd({ code, signal, stdout }: CheckerEnd, word: string): CheckerOutcome {
  switch (code) {
    case 0:
      return granted(stdout, word);
    case 1:
      return { kind: "refused" };
    case 2:
      return unavailable("says that it is misused (2)");
    case 111:
      return unavailable("has temporary trouble (111)");
    case null:
      return unavailable(`was ended by ${signal}`);
    default:
      return unavailable(`ended with ${code}, which means nothing`);
  }
}

function granted(stdout: Buffer, word: string): CheckerOutcome {
  const environment = new Map<string, string>();
  // Each ends with a NUL; what comes after the last one was cut off.
  for (const variable of stdout.toString().split("\0").slice(0, -1)) {
    const [, name = "", value = ""] = /^([^=]*)=(.*)$/s.exec(variable) ?? [];
    environment.set(name, value);
  }
  if (environment.get(PROOF) !== word)
    return unavailable("ended with 0 and has not run the program it was given");
  const home = environment.get("HOME") ?? "";
  // Octets that are not UTF-8 would lead elsewhere. "/" is the home of those who have none: no mail of theirs lies there.
  const usable = /^\/+[^/]/.test(home) && !home.includes("\ufffd");
  return { kind: "granted", home: usable ? home.replace(/\/+$/, "") : undefined };
}

function unavailable(why: string): CheckerOutcome {
  return { kind: "unavailable", why };
}
