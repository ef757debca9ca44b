/** Our listener on a free port, with a receiver in memory and a log that can be read. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pino from "pino";
import { Certificates } from "../../shared/certificates.js";
import { parseConfig } from "../../shared/config/load.js";
import { ConnectionLimits } from "../../shared/connection-limits.js";
import { LoginGuard } from "../../shared/login-guard.js";
import { type SmtpdConfig, type SmtpdListenerConfig, smtpdSchema } from "../../smtpd/config.js";
import { openListener } from "../../smtpd/listener.js";
import { type CertificateFiles, writeCertificate } from "./certificate.js";
import { MemoryReceiver } from "./receiver.js";

export interface TestListener {
  readonly address: string;
  readonly port: number;
  readonly receiver: MemoryReceiver;
  /** What was logged, one object for each line. */
  readonly logged: readonly Record<string, unknown>[];
  /** Resolves to the first line logged with this message, now or later. */
  logLine(msg: string): Promise<Record<string, unknown>>;
  stop(): Promise<void>;
}

export interface TestListenerOptions {
  readonly listener?: Partial<SmtpdListenerConfig>;
  readonly limits?: Partial<SmtpdConfig["limits"]>;
  readonly bareLf?: SmtpdConfig["receive"]["bare_lf"];
  readonly shutdownMs?: number;
  /** Asked at each handshake; none by default. */
  readonly certificates?: () => Certificates | undefined;
}

/** Milliseconds between the levels of two errors would make tests long: errors wait for nothing here unless told. */
const NO_DELAY = { error_delay: 0, login_failure_delay: 0 };

export async function startListener(options: TestListenerOptions = {}): Promise<TestListener> {
  const defaults = parseConfig(
    "test",
    'hostname = "mail.pillarbox.test"\ndomains = ["pillarbox.test"]\n[[listen]]\naddress = "127.0.0.1:0"',
    smtpdSchema,
  );
  const [listen] = defaults.listen;
  if (listen === undefined) throw new Error("no listener");
  const config: SmtpdConfig = {
    ...defaults,
    shutdown_time: options.shutdownMs ?? defaults.shutdown_time,
    limits: { ...defaults.limits, ...NO_DELAY, ...options.limits },
    receive: { ...defaults.receive, bare_lf: options.bareLf ?? "normalize" },
  };
  const logged: Record<string, unknown>[] = [];
  const waiting: (() => void)[] = [];
  const log = pino(
    { level: "trace" },
    {
      write: (line: string) => {
        logged.push(JSON.parse(line));
        for (const heard of waiting.splice(0)) heard();
      },
    },
  );
  const receiver = new MemoryReceiver();
  const { address, stop } = await openListener({
    config,
    listener: { ...listen, ...options.listener },
    receiver,
    certificates: options.certificates ?? (() => undefined),
    limits: new ConnectionLimits({
      total: config.limits.connections,
      perAddress: config.limits.connections_per_ip,
    }),
    guard: new LoginGuard({
      delayMs: config.limits.login_failure_delay,
      sessionsPerAccount: config.limits.connections_per_account,
      defaultDomain: "pillarbox.test",
    }),
    log,
  });
  return {
    address,
    port: Number(address.split(":").at(-1)),
    receiver,
    logged,
    logLine: async (msg) => {
      for (;;) {
        const found = logged.find((line) => line.msg === msg);
        if (found !== undefined) return found;
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
    },
    stop,
  };
}

/** Certificates for tests, with further ones for other names. */
export async function makeCertificates(...names: readonly string[]): Promise<{
  readonly certificates: Certificates;
  readonly files: CertificateFiles;
}> {
  const directory = await mkdtemp(join(tmpdir(), "pillarbox-certificates-"));
  try {
    const files = await writeCertificate(directory);
    const sni = [];
    for (const name of names) {
      const { certificate, key } = await writeCertificate(directory, name);
      sni.push({ names: [name], certificate, key });
    }
    const { certificate, key } = files;
    return {
      certificates: await Certificates.load({ certificate, key, min_version: "TLSv1.2", sni }),
      files,
    };
  } finally {
    await rm(directory, { recursive: true });
  }
}
