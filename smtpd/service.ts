/** smtpd at work: its listeners, and the receiver behind them. */

import type { Account } from "../shared/accounts/account.js";
import { openLogins } from "../shared/accounts/logins.js";
import { quotaOf } from "../shared/accounts/quota-rule.js";
import { defaultDomainOf } from "../shared/config/common.js";
import { ConnectionLimits } from "../shared/connection-limits.js";
import type { Service } from "../shared/daemon.js";
import { FsyncDurable } from "../shared/durable.js";
import type { Log } from "../shared/log.js";
import { LoginGuard } from "../shared/login-guard.js";
import { TmpCleaner } from "../shared/maildir/clean.js";
import { uniqueNames } from "../shared/maildir/name.js";
import { QuotaKeeper } from "../shared/maildir/quota-keeper.js";
import { Networks } from "../shared/networks.js";
import { dropPrivileges } from "../shared/privileges.js";
import type { SmtpdConfig } from "./config.js";
import { openListener } from "./listener.js";
import { type Outgoing, openOutgoing } from "./outgoing.js";
import { NullMxSenders } from "./receive/null-mx-senders.js";
import { MailReceiver } from "./receive/receiver.js";
import { Senders } from "./receive/senders.js";
import { Resolver } from "./send/resolver.js";
import { directoryOf, loadState, srsOf } from "./state.js";

/** Reads the files, binds every listener, gives up root. Rejects, with nothing left open, when one of these fails. */
export async function startSmtpd(config: SmtpdConfig, log: Log): Promise<Service> {
  const state = await loadState(config, log);
  const authenticator = await openLogins(config, state, log);
  const durable = new FsyncDurable();
  const uniqueName = uniqueNames(config.hostname, process.pid, Date.now);
  const resolver = new Resolver({
    servers: config.dns.servers,
    timeoutMs: config.dns.timeout,
    random: Math.random,
    log,
  });
  // Opened by the user that smtpd becomes, whose files these are.
  let outgoing: Outgoing | undefined;
  const directory = directoryOf(config, state);
  const srs = srsOf(config, state);
  const cleaner = new TmpCleaner(Date.now);
  const quotas = {
    keeper: new QuotaKeeper({ durable, uniqueName, now: Date.now, log }),
    of: (account: Account) => quotaOf(account, config),
  };
  const receiver = new MailReceiver({
    hostname: config.hostname,
    headerSizeMax: config.limits.header_size,
    directory,
    authenticator,
    senders: new Senders({
      directory,
      networks: new Networks(config.relay.networks),
      recipientsPerHour: {
        account: config.limits.recipients_per_hour,
        network: config.relay.network_recipients_per_hour ?? Number.POSITIVE_INFINITY,
      },
      now: Date.now,
    }),
    srs,
    queue: () => outgoing?.queue,
    durable,
    uniqueName,
    cleaner,
    quotas,
    nullMxSenders: config.receive.refuse_null_mx_senders ? new NullMxSenders(resolver) : undefined,
    now: Date.now,
  });
  const limits = new ConnectionLimits({
    total: config.limits.connections,
    perAddress: config.limits.connections_per_ip,
  });

  const guard = new LoginGuard({
    delayMs: config.limits.login_failure_delay,
    sessionsPerAccount: config.limits.connections_per_account,
    defaultDomain: defaultDomainOf(config),
  });

  const listeners: Awaited<ReturnType<typeof openListener>>[] = [];
  const stop = async () => {
    guard.close();
    await Promise.all([...listeners.map((listener) => listener.stop()), outgoing?.stop()]);
    await authenticator.close();
  };
  try {
    for (const listener of config.listen) {
      const certificates = () => state.certificates?.current;
      listeners.push(await openListener({ config, listener, receiver, certificates, limits, guard, log }));
    }
    dropPrivileges(config, log);
    outgoing = await openOutgoing(config, {
      ...{ directory, srs, durable, uniqueName, cleaner, quotas, resolver, log },
      addresses: listeners.map((listener) => listener.address),
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    addresses: listeners.map((listener) => listener.address),
    reloadables: [
      state.accounts,
      state.aliases,
      state.clientSecret,
      state.certificates,
      state.srsSecrets,
    ].filter((one) => one !== undefined),
    stop,
  };
}
