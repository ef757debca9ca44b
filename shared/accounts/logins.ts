/** How the logins of a daemon are checked, put together from its configuration and what it has read from files. */
import { defaultDomainOf, type OauthConfig } from "../config/common.js";
import type { Log } from "../log.js";
import { Reloadable } from "../reloadable.js";
import type { Accounts, Authenticator } from "./account.js";
import { createAuthenticator } from "./authenticator.js";
import { readClientSecret } from "./oauth/client-secret.js";
import { TokenLogins } from "./oauth/token-logins.js";

/** What of a configuration says how logins are checked. */
export interface LoginConfig {
  readonly hostname: string;
  readonly domains: readonly string[];
  readonly default_domain?: string | undefined;
  readonly oauth?: OauthConfig | undefined;
}

/** What logins need of files that may be read anew. */
export interface LoginState {
  readonly accounts: Reloadable<Accounts>;
  readonly clientSecret: Reloadable<string> | undefined;
}

/** Reads the secret for the authorization server, where there is one. Rejects with an ExitError that names the file. */
export async function loadClientSecret(
  { oauth }: LoginConfig,
  log: Log,
): Promise<Reloadable<string> | undefined> {
  if (oauth === undefined) return undefined;
  const file = oauth.client_secret_file;
  return Reloadable.open("client secret", [file], () => readClientSecret(file), log);
}

/** Who checks the logins. Close it to end its threads and its waiting. */
export function openLogins(
  config: LoginConfig,
  state: LoginState,
): Authenticator & { close(): Promise<void> } {
  return createAuthenticator({
    accounts: () => state.accounts.current,
    defaultDomain: defaultDomainOf(config),
    tokens: tokenLogins(config, state),
  });
}

function tokenLogins(config: LoginConfig, { accounts, clientSecret }: LoginState): TokenLogins | undefined {
  const { oauth } = config;
  if (oauth === undefined || clientSecret === undefined) return undefined;
  return new TokenLogins({
    endpoint: {
      url: oauth.introspection_url,
      clientId: oauth.client_id,
      clientSecret: () => clientSecret.current,
    },
    rules: { usernameClaim: oauth.username_claim, scope: oauth.scope, audience: oauth.audience },
    accounts: () => accounts.current,
    defaultDomain: defaultDomainOf(config),
  });
}
