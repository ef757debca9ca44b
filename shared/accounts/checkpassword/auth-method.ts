/** The option `auth`: how passwords are checked. Pure. */

/** By the accounts file, or by a program with D. J. Bernstein's checkpassword interface. */
export type AuthMethod =
  | { readonly kind: "accounts" }
  | { readonly kind: "checkpassword"; readonly program: string; readonly args: readonly string[] };

export const AUTH_METHOD_FORMS =
  '"accounts", or "checkpassword /absolute/path/to/a/program" and its arguments';

/**
 * Reads it; undefined for what it cannot be. Arguments are parted by spaces, and no shell ever sees them: one that needs a
 * space in it needs a script of one's own.
 */
export function parseAuthMethod(text: string): AuthMethod | undefined {
  const [method, program, ...args] = text.split(" ").filter((word) => word !== "");
  if (text.includes("\0")) return undefined;
  if (method === "accounts" && program === undefined) return { kind: "accounts" };
  if (method !== "checkpassword" || program?.startsWith("/") !== true) return undefined;
  return { kind: "checkpassword", program, args };
}

/** Inverse of parseAuthMethod. */
export function formatAuthMethod(method: AuthMethod): string {
  return method.kind === "accounts"
    ? "accounts"
    : ["checkpassword", method.program, ...method.args].join(" ");
}
