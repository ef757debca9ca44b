/**
 * The certificates that listeners present: one by default, others by the name that the client asks for (SNI,
 * RFC 6066 §3). TLS is offered only with the operator's own; there is no built-in one.
 */
import { createSecureContext, type SecureContext } from "node:tls";
import type { TlsConfig } from "./config/common.js";
import { readConfigOctets } from "./config/load.js";
import { EXIT, ExitError } from "./exit.js";

export class Certificates {
  readonly #fallback: SecureContext;
  readonly #byName: ReadonlyMap<string, SecureContext>;

  private constructor(fallback: SecureContext, byName: ReadonlyMap<string, SecureContext>) {
    this.#fallback = fallback;
    this.#byName = byName;
  }

  /** Reads the files of `[tls]`. Throws an ExitError that names the file at fault. */
  static async load(config: TlsConfig): Promise<Certificates> {
    const byName = new Map<string, SecureContext>();
    for (const { names, certificate, key } of config.sni) {
      const context = await loadContext(certificate, key, config.min_version);
      for (const name of names) byName.set(name.toLowerCase(), context);
    }
    return new Certificates(await loadContext(config.certificate, config.key, config.min_version), byName);
  }

  /** The files that a configuration names, for watching them. */
  static files(config: TlsConfig): string[] {
    return [config, ...config.sni].flatMap(({ certificate, key }) => [certificate, key]);
  }

  /**
   * The certificate for a client that asks for `name`, that asks for `*.domain` of it, or that asks for none. A TLS
   * socket is begun with the one for none, which also decides the versions of TLS: the name comes too late for that.
   */
  contextFor(name: string | undefined): SecureContext {
    const wanted = name?.toLowerCase() ?? "";
    const wildcard = wanted.replace(/^[^.]+/, "*");
    return this.#byName.get(wanted) ?? this.#byName.get(wildcard) ?? this.#fallback;
  }
}

async function loadContext(
  certificate: string,
  key: string,
  minVersion: TlsConfig["min_version"],
): Promise<SecureContext> {
  const cert = await readConfigOctets(certificate);
  const privateKey = await readConfigOctets(key);
  try {
    return createSecureContext({ cert, key: privateKey, minVersion });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ExitError(
      EXIT.configuration,
      `${certificate}, ${key}: not a certificate with its key (${reason})`,
    );
  }
}
