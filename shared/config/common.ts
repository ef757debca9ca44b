/** The options that both daemons have: same key, same meaning, same default in both files. */
import { hostname } from "node:os";
import type { z } from "zod";
import { AUTH_METHOD_FORMS, parseAuthMethod } from "../accounts/checkpassword/auth-method.js";
import { LOG_FORMATS, LOG_LEVELS } from "../log.js";
import { AMOUNT_MAX } from "../maildir/quota.js";
import {
  choice,
  count,
  domain,
  duration,
  list,
  listenAddress,
  network,
  optionalTable,
  parsed,
  path,
  secureUrl,
  size,
  table,
  text,
} from "./option.js";

const PLAINTEXT_AUTH = ["never", "loopback", "always"] as const;
/** The shortest that a deadline may be set to. */
export const SECOND = 1000;
const LISTENER_TLS = ["none", "starttls", "implicit"] as const;

export const commonOptions = {
  hostname: domain()
    .prefault(hostname)
    .describe("The name of this host, as it is given in greetings, trace headers and message names."),
  domains: list(domain(), 'a list of domain names, such as ["example.org"]', 1).describe(
    "The domains whose mail is delivered here.",
  ),
  default_domain: domain()
    .optional()
    .describe(
      "The domain of a user who logs in by a bare name, and of <postmaster>; the first of domains by default.",
    ),
  mail_root: path()
    .prefault("/var/mail/pillarbox")
    .describe(
      "The home of an account that names none is <mail_root>/<domain>/<local-part>; its Maildir is <home>/Maildir.",
    ),
  accounts: path()
    .prefault("/etc/pillarbox/users")
    .describe("The accounts, in Dovecot's passwd-file format."),
  auth: parsed(parseAuthMethod, AUTH_METHOD_FORMS)
    .prefault("accounts")
    .describe(
      'Who checks passwords: "accounts" is the accounts file; "checkpassword /path/to/program arguments" is a program with that interface, and so PAM, LDAP or SQL.',
    ),
  quota: size(1)
    .optional()
    .describe(
      "How much mail an account may hold that has no quota of its own (userdb_quota_rule); any amount by default.",
    ),
  quota_messages: count(1, AMOUNT_MAX.messages)
    .optional()
    .describe("How many messages such an account may hold; any number by default."),
  user: text("the name of a user of this system")
    .prefault("vmail")
    .describe("The user to become once the ports are bound, when started as root."),
  group: text("the name of a group of this system")
    .optional()
    .describe("The group to become likewise; the user's own by default."),
  shutdown_time: duration()
    .prefault("30s")
    .describe("How long sessions may go on after SIGTERM before they are closed."),
} as const;

/** `[tls]`: the certificate that listeners present, and others for clients that ask for another name. */
export const tlsOptions = table({
  certificate: path().describe("The certificate chain, PEM."),
  key: path().describe("Its private key, PEM."),
  min_version: choice(["TLSv1.2", "TLSv1.3"])
    .prefault("TLSv1.2")
    .describe('The oldest version of TLS that is spoken: "TLSv1.2" or "TLSv1.3".'),
  sni: list(
    table({
      names: list(
        text("a host name, or *.domain"),
        'a list of host names, such as ["mail.example.net"]',
        1,
      ).describe("The names for which this certificate is presented."),
      certificate: path().describe("The certificate chain, PEM."),
      key: path().describe("Its private key, PEM."),
    }),
    "[[tls.sni]] tables",
  )
    .prefault([])
    .describe("Further certificates, for clients that ask for other names (SNI)."),
})
  .optional()
  .describe("TLS is offered only with a certificate of yours.");

/** `[oauth]`: who is asked about the tokens of OAUTHBEARER and XOAUTH2. */
export const oauthOptions = table({
  introspection_url: secureUrl().describe(
    "Where tokens are checked (RFC 7662); https, or http to this host.",
  ),
  client_id: text("the name by which the authorization server knows this server").describe(
    "The name by which the authorization server knows this server.",
  ),
  client_secret_file: path().describe("A file with the secret that belongs to it, on its first line."),
  username_claim: text("the name of a claim")
    .prefault("username")
    .describe("The claim that names the user: an address, or a bare name of default_domain."),
  scope: text("scopes, parted by spaces")
    .optional()
    .describe("Scopes that a token must have; any will do by default."),
  audience: text("the audience of tokens for this server")
    .optional()
    .describe("Whom a token must be meant for, its claim aud; anyone by default."),
})
  .optional()
  .describe("Logins by OAuth 2.0 tokens are taken only where somebody can be asked about them.");

export const logOptions = optionalTable({
  level: choice(LOG_LEVELS)
    .prefault("info")
    .describe(
      'How much is logged: "fatal", "error", "warn", "info", "debug", or "trace", which shows each dialogue, masked.',
    ),
  format: choice(LOG_FORMATS)
    .prefault("auto")
    .describe('"json", "pretty" (for people), or "auto": pretty on a terminal and JSON elsewhere.'),
});

/** The keys that every `[[listen]]` table has. */
export const listenerOptions = {
  address: listenAddress().describe(
    'Where to listen: an address and its port, "unix:/path", or "fd:3" for a socket that the supervisor has opened.',
  ),
  tls: choice(LISTENER_TLS)
    .prefault("starttls")
    .describe(
      '"none", "starttls" (upgrade on request; only offered with a certificate), or "implicit" (from the first octet).',
    ),
  allow_plaintext_auth: choice(PLAINTEXT_AUTH)
    .prefault("loopback")
    .describe(
      'Whether logins are taken before TLS, by whatever mechanism: "never", "loopback" (from this host) or "always".',
    ),
  proxy_protocol: list(network(), 'a list of addresses and networks, such as ["127.0.0.1", "192.0.2.0/24"]')
    .prefault([])
    .describe(
      "The proxies, by address or network, whose connections begin with a PROXY header, version 1 or 2.",
    ),
} as const;

/** The limits that both daemons have. */
export const connectionLimits = {
  connections: count(1, 100_000).prefault(1000).describe("Connections in all."),
  connections_per_ip: count(1, 100_000)
    .prefault(50)
    .describe("Connections from one address (from one /64 in IPv6)."),
  connections_per_account: count(1, 100_000)
    .prefault(20)
    .describe("Connections that are logged in to one account; a further login is refused for now."),
  tls_handshake_time: duration(SECOND).prefault("30s").describe("How long a TLS handshake may take."),
  login_failure_delay: duration()
    .prefault("1s")
    .describe(
      "The reply to a failed login waits this long, and twice as long for each further one from that address, or for that user from addresses that are new to him; 30s at most.",
    ),
} as const;

export type TlsConfig = NonNullable<z.output<typeof tlsOptions>>;
export type OauthConfig = NonNullable<z.output<typeof oauthOptions>>;
export type ListenerTls = (typeof LISTENER_TLS)[number];

/** What every listener needs from its configuration: a certificate where it must speak TLS from the first octet. */
export function listenersWithoutCertificate(config: {
  readonly tls?: TlsConfig | undefined;
  readonly listen: readonly { readonly tls: ListenerTls }[];
}): boolean {
  return config.tls === undefined && config.listen.some((listener) => listener.tls === "implicit");
}

/** The domain of bare names: `default_domain`, else the first of `domains`. */
export function defaultDomainOf(config: {
  readonly default_domain?: string | undefined;
  readonly domains: readonly string[];
  readonly hostname: string;
}): string {
  return config.default_domain ?? config.domains[0] ?? config.hostname;
}
