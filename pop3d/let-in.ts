/**
 * Letting an account that has shown good credentials into its maildrop: not too soon after its last login, and when
 * nobody else has it open. Who is refused may try again on the same connection.
 */
import type { Account } from "../shared/accounts/account.js";
import type { Log } from "../shared/log.js";
import type { LoginDelays } from "./login-delays.js";
import { type Opening, type OpenMaildrop, openMaildrop } from "./open-maildrop.js";
import type { Policy } from "./policy.js";
import type { Trouble } from "./protocol.js";

export interface LetInServices {
  readonly opening: Opening;
  readonly delays: LoginDelays;
}

/** Never rejects; holds no lock when it gives no maildrop back, and takes none for a login that comes too soon. */
export async function letIn(
  account: Account,
  { loginDelaySeconds }: Policy,
  { opening, delays }: LetInServices,
  log: Log,
  utf8 = false,
): Promise<OpenMaildrop | "in use" | "login delay" | Trouble> {
  const isTooSoon = () => delays.mustWait(account.address, loginDelaySeconds);
  if (isTooSoon()) return "login delay";
  const outcome = await openMaildrop(account.maildir, opening, log, utf8);
  if (typeof outcome === "string") return outcome;
  // While we waited for the lock, another session may have come, and gone again.
  if (isTooSoon()) {
    await outcome.close();
    return "login delay";
  }
  if (loginDelaySeconds > 0) delays.loggedIn(account.address);
  return outcome;
}
