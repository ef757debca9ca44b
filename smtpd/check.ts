/** `smtpd check`: reads all that smtpd would read, and says what is wrong or surprising before it matters. */

import { describeLogins, loginTroubles } from "../shared/accounts/logins.js";
import { quotaWarnings } from "../shared/accounts/quota-rule.js";
import { formatMailbox, mailboxKey } from "../shared/address.js";
import { loadConfig } from "../shared/config/load.js";
import { formatListenAddress, isLoopback } from "../shared/listen-address.js";
import { openLog } from "../shared/log.js";
import { type SmtpdConfig, smtpdSchema } from "./config.js";
import { type Directory, route } from "./receive/route.js";
import { formatRelayAddress } from "./send/relay-address.js";
import { directoryOf, loadState } from "./state.js";
import { lookAtStateDir } from "./state-dir.js";

/**
 * Checks the file and what it names; prints a summary and warnings. Throws an ExitError for what would keep smtpd
 * from starting.
 */
export async function check(file: string): Promise<void> {
  const config = await loadConfig(file, smtpdSchema);
  const state = await loadState(config, openLog("smtpd", { level: "fatal", format: "json" }));
  const directory = directoryOf(config, state)();

  for (const line of summary(config, directory)) console.log(line);
  const queue = await lookAtStateDir(config);
  console.log(`queue     ${queue.summary}`);
  for (const line of [...warnings(config, directory), ...queue.warnings]) console.log(`warning: ${line}`);
  for (const line of await loginTroubles(config)) console.log(`warning: ${line}`);
  console.log(`${file}: ok`);
}

function summary(config: SmtpdConfig, { accounts, aliases }: Directory): string[] {
  return [
    `hostname  ${config.hostname}`,
    `domains   ${config.domains.join(" ")}`,
    ...config.listen.map(
      ({ address, role, tls }) => `listen    ${formatListenAddress(address)} ${role}, tls ${tls}`,
    ),
    ...describeLogins(config),
    ...ways(config),
    `accounts  ${accounts.size} in ${config.accounts}`,
    `aliases   ${config.aliases === undefined ? "none" : `${aliases.size} in ${config.aliases}`}`,
  ];
}

/** By which hosts mail leaves. */
function* ways({ relay, route }: SmtpdConfig): Generator<string> {
  const { smarthost } = relay;
  yield `relay     ${smarthost === undefined ? "each domain's own hosts" : formatRelayAddress(smarthost)}`;
  for (const { domain, host } of route)
    yield `route     ${domain} to ${host === undefined ? "its own hosts" : formatRelayAddress(host)}`;
}

function* warnings(config: SmtpdConfig, directory: Directory): Generator<string> {
  for (const domain of config.domains) {
    if (route({ localPart: "postmaster", domain }, "", directory).kind !== "unknown") continue;
    yield `nobody takes mail for postmaster@${domain}, which RFC 5321 §4.5.1 asks for; an alias "postmaster: …" does`;
  }
  if (config.tls === undefined)
    yield "there is no [tls] table, so neither STARTTLS nor a password over TLS is possible";
  for (const { role, address } of config.listen) {
    if (role === "lmtp" && address.kind === "tcp" && !isLoopback(address.host))
      yield `${formatListenAddress(address)} takes mail by LMTP, without a limit to errors, from whoever can reach it`;
  }
  for (const { domain } of config.route) {
    if (config.domains.includes(domain))
      yield `the route for ${domain} is never taken: ${domain} is among domains, and its mail is delivered here`;
  }
  for (const account of directory.accounts.all()) {
    const domain = account.address.slice(account.address.lastIndexOf("@") + 1);
    if (!directory.domains.has(domain))
      yield `the account ${account.address} gets no mail: ${domain} is not among domains`;
    yield* quotaWarnings(account);
  }
  if (config.relay.networks.some(({ prefix }) => prefix === 0))
    yield "networks of [relay] has every address there is: anyone can send anything through this host";
  for (const [alias, targets] of directory.aliases) {
    for (const target of targets) {
      const way = route(target, "", directory);
      const text = formatMailbox(target);
      if (way.kind === "unknown" && !isOwnName(alias, target))
        yield `the alias ${alias} leads to ${text}, which does not exist`;
      if (way.kind === "remote" && config.receive.srs_secret_file === undefined)
        yield `the alias ${alias} leads to ${text} on another host, which may refuse what its senders' SPF does not let us send; srs_secret_file of [receive] helps`;
    }
  }
}

function isOwnName(alias: string, target: Parameters<typeof mailboxKey>[0]): boolean {
  return alias === mailboxKey(target);
}
