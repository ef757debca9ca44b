/**
 * SMTP replies as data, and the one table of those that more than one place gives. Pure.
 *
 * The class of an enhanced status code (RFC 3463 §2) is never written down: it is the first digit of the reply code,
 * so the two cannot disagree.
 */

export interface Reply {
  readonly code: number;
  /** Subject and detail of the enhanced status code, `7.1` of `5.7.1`; undefined where there is none (RFC 2034 §3). */
  readonly status: `${number}.${number}` | undefined;
  readonly text: string;
}

export function reply(code: number, status: Reply["status"], text: string): Reply {
  return { code, status, text };
}

/** The enhanced status code of a reply as it is sent, `5.7.1`. */
export function enhancedCode({ code, status }: Reply): string | undefined {
  return status === undefined ? undefined : `${Math.floor(code / 100)}.${status}`;
}

export function isError({ code }: Reply): boolean {
  return code >= 400;
}

/** Whatever we did not foresee is temporary, and what it was is for the log alone. */
export const LOCAL_TROUBLE = reply(451, "3.0", "local trouble, try again later");
export const DISK_FULL = reply(452, "3.1", "insufficient system storage, try again later");
