/**
 * How a program of ours ends: the codes of sysexits(3), and an error that carries one up to `main`. Pure.
 *
 * Supervisors and scripts tell a bad configuration (78: do not try again) from a taken port (75: try again)
 * by these numbers alone, so they are part of the interface.
 */
export const EXIT = {
  ok: 0,
  /** EX_USAGE: the command line cannot be understood. */
  usage: 64,
  /** EX_DATAERR: what was given to it cannot be used, and never will. */
  data: 65,
  /** EX_NOINPUT: what it is to work on is not there. */
  missing: 66,
  /** EX_SOFTWARE: a bug of ours. */
  bug: 70,
  /** EX_TEMPFAIL: the same command may work later (a taken port, a full disk). */
  temporary: 75,
  /** EX_NOPERM: the operating system does not let us. */
  permission: 77,
  /** EX_CONFIG: a configuration, accounts or aliases file is wrong. */
  configuration: 78,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** An error whose message is meant for the person at the terminal, and the code to exit with. */
export class ExitError extends Error {
  override readonly name = "ExitError";
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** Narrows an unknown error to Node's system errors, which carry an errno name such as `ENOENT`. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException & { code: string } {
  return error instanceof Error && "code" in error && typeof error.code === "string";
}

/** True when `error` is a system error with one of these errno names. */
export function hasCode(error: unknown, ...codes: string[]): boolean {
  return isSystemError(error) && codes.includes(error.code);
}

/** The exit code that fits a system error met while starting: EACCES asks for rights, most others for patience. */
export function exitCodeFor(error: unknown): ExitCode {
  if (error instanceof ExitError) return error.exitCode;
  if (!isSystemError(error) || error.syscall === undefined) return EXIT.bug;
  return error.code === "EACCES" || error.code === "EPERM" ? EXIT.permission : EXIT.temporary;
}
