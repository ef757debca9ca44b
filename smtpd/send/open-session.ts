/**
 * Opening a session with a host: the connection, TLS as the policy wants it, the login. Nothing is looked up: the hop
 * has an address.
 *
 * Where TLS is not demanded and fails, there is another connection without it (RFC 7435): whoever can break TLS could
 * have hidden STARTTLS as well. A login goes over TLS or does not leave this host.
 */
import { connect, type Socket } from "node:net";
import { createSecureContext, rootCertificates, type SecureContext } from "node:tls";
import { readConfigFile } from "../../shared/config/load.js";
import { hasCode } from "../../shared/exit.js";
import { isLoopback } from "../../shared/listen-address.js";
import type { Log } from "../../shared/log.js";
import type { TlsPolicy } from "./delivery.js";
import type { Failure, Happening, Hop, Stage } from "./hop.js";
import { Session } from "./session.js";
import type { StageTimes } from "./stage-times.js";

export interface OpeningOptions {
  /** What we say EHLO with. */
  readonly hostname: string;
  readonly times: StageTimes;
  readonly log: Log;
  /** Whose certificates are good. */
  readonly trust: SecureContext;
}

export type Opened =
  | { readonly kind: "open"; readonly session: Session }
  | { readonly kind: "failed"; readonly happening: Happening };

/** Mechanisms that we can log in by, in order of preference. What a password file holds is no key for SCRAM. */
const MECHANISMS = ["PLAIN", "LOGIN", "CRAM-MD5"];
const PASSWORD_FILE_OCTETS_MAX = 4096;

/** The authorities that Node knows, and those whose certificates these are (PEM). */
export function trustIn(own: string | undefined): SecureContext {
  return createSecureContext(own === undefined ? {} : { ca: [...rootCertificates, own] });
}

/** Never rejects. When the signal is aborted meanwhile, it fails. */
export async function openSession(hop: Hop, options: OpeningOptions, signal: AbortSignal): Promise<Opened> {
  const opened = await attempt(hop, hop.tls, options, signal);
  if (opened.kind === "open" || hop.tls !== "may") return opened;
  const { kind, stage } = opened.happening;
  if (kind !== "failure" || stage !== "tls" || signal.aborted) return opened;
  options.log.info({ host: hop.name ?? hop.address }, "TLS failed, going on in the clear");
  return attempt(hop, "never", options, signal);
}

async function attempt(
  hop: Hop,
  tls: TlsPolicy,
  options: OpeningOptions,
  signal: AbortSignal,
): Promise<Opened> {
  const socket = await connected(hop, options.times.connectMs, signal);
  if (typeof socket === "string") return failed("connect", socket);
  const session = new Session(
    {
      connection: socket,
      secure: tls === "implicit",
      ignoreTLS: tls === "never",
      requireTLS: tls === "must",
      opportunisticTLS: tls === "may",
      // For the certificate; nothing is connected to any more.
      host: hop.name ?? (hop.port === undefined ? "localhost" : hop.address),
      tls: { secureContext: options.trust, rejectUnauthorized: tls !== "may" },
      lmtp: hop.protocol === "lmtp",
    },
    options,
  );
  const stop = () => session.stop();
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  const happening = (await session.greet()) ?? (await logIn(session, hop, options.log));
  signal.removeEventListener("abort", stop);
  if (happening === undefined) return { kind: "open", session };
  void session.quit();
  return { kind: "failed", happening };
}

/** Resolves to why not, where there is no connection. */
function connected(hop: Hop, ms: number, signal: AbortSignal): Promise<Socket | Failure> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve("stopping");
    const socket =
      hop.port === undefined
        ? connect({ path: hop.address })
        : connect({ host: hop.address, port: hop.port });
    const settle = (outcome: Socket | Failure) => {
      clearTimeout(timer);
      signal.removeEventListener("abort", stop);
      if (outcome !== socket) socket.destroy();
      resolve(outcome);
    };
    const timer = setTimeout(() => settle("timeout"), ms);
    const stop = () => settle("stopping");
    signal.addEventListener("abort", stop, { once: true });
    socket.once("connect", () => settle(socket));
    // Also what comes before the session listens itself, and after it has let go.
    socket.on("error", (error) => settle(hasCode(error, "ECONNRESET") ? "closed" : "unreachable"));
  });
}

/** Resolves to what went wrong. The operator is told, since nobody else can do anything about it. */
async function logIn(session: Session, hop: Hop, log: Log): Promise<Happening | undefined> {
  if (hop.login === undefined) return undefined;
  const { username, passwordFile } = hop.login;
  const host = hop.name ?? hop.address;
  if (!session.secure && hop.port !== undefined && !isLoopback(hop.address)) {
    log.error({ host }, "no login without TLS");
    return failure("login", "login");
  }
  const mechanism = MECHANISMS.find((known) => session.extensions.auth.includes(known));
  if (mechanism === undefined) {
    log.error({ host, offered: session.extensions.auth }, "the host offers no login that we know");
    return failure("login", "login");
  }
  const password = await readPassword(passwordFile, log);
  if (password === undefined) return failure("login", "login");
  const happening = await session.logIn(username, password, mechanism);
  if (happening?.kind === "reply")
    log.error({ host, username, reply: happening.reply }, "login refused by the host");
  return happening;
}

/** The first line of the file. */
async function readPassword(file: string, log: Log): Promise<string | undefined> {
  try {
    const [password = ""] = (await readConfigFile(file, PASSWORD_FILE_OCTETS_MAX)).split(/\r?\n/, 1);
    if (password !== "") return password;
    log.error({ file }, "password file has an empty first line");
  } catch (err) {
    log.error({ file, err }, "password file cannot be read");
  }
  return undefined;
}

function failed(stage: Stage, why: Failure): Opened {
  return { kind: "failed", happening: failure(stage, why) };
}

function failure(stage: Stage, why: Failure): Happening {
  return { kind: "failure", stage, failure: why };
}
