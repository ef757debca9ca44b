/** Which accounts let nobody in. Pure. */

/**
 * Whether a password field locks its account however somebody logs in: by a token, or where passwords are checked
 * elsewhere. As shadow(5) has it, that is what "!" at its beginning says, while "*" and nothing at all only mean that
 * there is no password here.
 */
export function isLocked(passwordField: string): boolean {
  return passwordField.startsWith("!");
}
