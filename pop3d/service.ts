/** pop3d at work: what its connections share, and its listeners. */
import { hostname } from "node:os";
import type { TLSSocketOptions } from "node:tls";
import type { Accounts } from "../shared/accounts/account.js";
import { loadClientSecret, openLogins } from "../shared/accounts/logins.js";
import { loadAccounts } from "../shared/accounts/passwd-file.js";
import { Certificates } from "../shared/certificates.js";
import { defaultDomainOf } from "../shared/config/common.js";
import { ConnectionLimits } from "../shared/connection-limits.js";
import type { Service } from "../shared/daemon.js";
import { FsyncDurable } from "../shared/durable.js";
import type { Log } from "../shared/log.js";
import { LoginGuard } from "../shared/login-guard.js";
import { TmpCleaner } from "../shared/maildir/clean.js";
import { uniqueNames } from "../shared/maildir/name.js";
import { QuotaKeeper } from "../shared/maildir/quota-keeper.js";
import { dropPrivileges } from "../shared/privileges.js";
import { Reloadable } from "../shared/reloadable.js";
import { type Pop3dConfig, policyIn } from "./config.js";
import type { Services } from "./connection.js";
import { Listener } from "./listener.js";
import { SessionLocks } from "./lock.js";
import { LoginDelays } from "./login-delays.js";
import { type Policy, type SitePolicy, sitePolicy, wrongFields } from "./policy.js";
import { TwinSeparator } from "./twins.js";
import { UniqueIds } from "./unique-ids.js";
import { WireSizes } from "./wire-sizes.js";

/** The files that can be read anew while pop3d runs. */
export interface State {
  readonly accounts: Reloadable<Accounts>;
  readonly clientSecret: Reloadable<string> | undefined;
  readonly certificates: Reloadable<Certificates> | undefined;
}

/** Reads the files that the configuration names. Rejects with an ExitError that names the one at fault. */
export async function loadState(config: Pop3dConfig, log: Log): Promise<State> {
  const { accounts, mail_root: mailRoot, tls } = config;
  const defaultDomain = defaultDomainOf(config);
  return {
    accounts: await Reloadable.open(
      "accounts",
      [accounts],
      () => loadAccounts(accounts, { mailRoot, defaultDomain, wrongFields }),
      log,
    ),
    clientSecret: await loadClientSecret(config, log),
    certificates:
      tls &&
      (await Reloadable.open("certificates", Certificates.files(tls), () => Certificates.load(tls), log)),
  };
}

/** Reads the files, binds every listener, gives up root. Rejects, with nothing left open, when one of these fails. */
export async function startPop3d(config: Pop3dConfig, log: Log): Promise<Service> {
  const state = await loadState(config, log);
  const authenticator = await openLogins(config, state, log);
  const services = servicesOf(config, state, authenticator, log);
  const limits = new ConnectionLimits({
    total: config.limits.connections,
    perAddress: config.limits.connections_per_ip,
  });
  const listeners: Listener[] = [];
  const stop = async (finishMs: number) => {
    services.guard.close();
    await Promise.all(listeners.map((listener) => listener.stop(finishMs)));
    await authenticator.close();
  };
  try {
    for (const listener of config.listen)
      listeners.push(await Listener.open(listener, services, limits, log));
    dropPrivileges(config, log);
  } catch (error) {
    await stop(0);
    throw error;
  }
  for (const listener of listeners) listener.begin();
  return {
    addresses: listeners.map(({ address }) => address),
    reloadables: [state.accounts, state.clientSecret, state.certificates].filter((one) => one !== undefined),
    stop: () => stop(config.shutdown_time),
  };
}

function servicesOf(
  config: Pop3dConfig,
  state: State,
  authenticator: Services["authenticator"],
  log: Log,
): Services {
  const cleaner = new TmpCleaner(Date.now);
  const uniqueName = uniqueNames(config.hostname, process.pid, Date.now);
  const durable = new FsyncDurable();
  return {
    config,
    authenticator,
    guard: new LoginGuard({
      delayMs: config.limits.login_failure_delay,
      sessionsPerAccount: config.limits.connections_per_account,
      defaultDomain: defaultDomainOf(config),
    }),
    opening: {
      locks: new SessionLocks({ host: hostname(), uniqueName }),
      sizes: new WireSizes({ durable, uniqueName }),
      uniqueIds: new UniqueIds({ server: config.maildrop.unique_id, durable, uniqueName }),
      twins: new TwinSeparator({ durable, uniqueName }),
      infoSeparator: config.maildrop.info_separator,
      lockWait: config.maildrop.lock_wait,
      folders: config.maildrop.folders,
    },
    delays: new LoginDelays(() => performance.now()),
    site: siteOf(policyIn(config), state.accounts),
    updating: {
      durable,
      uniqueName,
      now: Date.now,
      quotas: new QuotaKeeper({ durable, uniqueName, now: Date.now, log }),
    },
    opened: ({ maildir }) => {
      cleaner
        .visit(maildir)
        .catch((err: unknown) => log.warn({ maildir: maildir.path, err }, "tmp/ cannot be cleaned"));
    },
    tlsOptions: () => state.certificates && tlsOptions(state.certificates),
  };
}

/** Worked out once for each reading of the accounts. */
function siteOf(policy: Policy, accounts: Reloadable<Accounts>): () => SitePolicy {
  let known: { readonly accounts: Accounts; readonly site: SitePolicy } | undefined;
  return () => {
    const { current } = accounts;
    if (known?.accounts !== current) known = { accounts: current, site: sitePolicy(policy, current.all()) };
    return known.site;
  };
}

/** The certificate is chosen when the handshake begins, so a reload holds for the next one. */
function tlsOptions(certificates: Reloadable<Certificates>): TLSSocketOptions {
  return {
    secureContext: certificates.current.contextFor(undefined),
    SNICallback: (name, answer) => answer(null, certificates.current.contextFor(name)),
    // A client of another protocol that was led here is turned away (RFC 7301 §3.2).
    ALPNProtocols: ["pop3"],
  };
}
