/** The one list of mechanisms, from which CAPA, AUTH and EHLO announce. Pure. */
import type { Authenticator } from "../accounts/account.js";
import { LOGIN } from "./login.js";
import type { Mechanism } from "./mechanism.js";
import { OAUTHBEARER, XOAUTH2 } from "./oauth.js";
import { PLAIN } from "./plain.js";
import { SCRAM_SHA_256, SCRAM_SHA_256_PLUS } from "./scram.js";

/** What can be checked besides passwords. */
export type LoginOffer = Pick<Authenticator, "takesScram" | "takesTokens">;

/**
 * The mechanisms that can be used now, the strongest first; what is not announced is not accepted either.
 * @param channelBinding the tls-exporter data of the connection, if there are any
 */
export function offeredMechanisms(
  { takesScram, takesTokens }: LoginOffer,
  channelBinding: Buffer | undefined,
): readonly Mechanism[] {
  return [
    ...(takesScram && channelBinding !== undefined ? [SCRAM_SHA_256_PLUS] : []),
    ...(takesScram ? [SCRAM_SHA_256] : []),
    PLAIN,
    LOGIN,
    ...(takesTokens ? [OAUTHBEARER, XOAUTH2] : []),
  ];
}
