/** How the logins of a daemon are checked, put together from its configuration and what it has read from files. */
import { defaultDomainOf, type OauthConfig } from "../config/common.js";
import type { Log } from "../log.js";
import { Reloadable } from "../reloadable.js";
import type { Accounts, Authenticator } from "./account.js";
import { createAuthenticator } from "./authenticator.js";
import { type AuthMethod, formatAuthMethod } from "./checkpassword/auth-method.js";
import { CheckpasswordLogins } from "./checkpassword/checkpassword-logins.js";
import { checkerTroubles, findEnv } from "./checkpassword/programs.js";
import { readClientSecret } from "./oauth/client-secret.js";
import { TokenLogins } from "./oauth/token-logins.js";
import { standInKey } from "./stand-in-key.js";

/** What of a configuration says how logins are checked. */
export interface LoginConfig {
  readonly hostname: string;
  readonly domains: readonly string[];
  readonly default_domain?: string | undefined;
  readonly mail_root: string;
  readonly auth: AuthMethod;
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

/**
 * Who checks the logins. Close it to end its threads, its programs and its waiting. A program that is not there keeps no
 * daemon from starting, since mail comes in all the same; the log says so.
 */
export async function openLogins(
  config: LoginConfig,
  state: LoginState,
  log: Log,
): Promise<Authenticator & { close(): Promise<void> }> {
  const common = {
    accounts: () => state.accounts.current,
    defaultDomain: defaultDomainOf(config),
    tokens: tokenLogins(config, state),
  };
  if (config.auth.kind === "accounts")
    return createAuthenticator({ ...common, standInKey: () => standInKey(config.mail_root, log) });
  const { program, args } = config.auth;
  for (const reason of await loginTroubles(config)) log.warn({ reason }, "logins");
  return new CheckpasswordLogins({ ...common, program, args, env: await findEnv(), log });
}

/** How logins are checked, for people. */
export function describeLogins({ auth, oauth }: LoginConfig): string[] {
  return [
    `auth      ${formatAuthMethod(auth)}`,
    ...(oauth === undefined ? [] : [`oauth     ${oauth.introspection_url} as ${oauth.client_id}`]),
  ];
}

/** What keeps people from logging in. */
export async function loginTroubles({ auth }: LoginConfig): Promise<readonly string[]> {
  return auth.kind === "checkpassword" ? checkerTroubles(auth.program) : [];
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
