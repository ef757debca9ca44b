/** A SCRAM-SHA-256 client (RFC 5802), written from the RFC and not from our server. */
import { createHash, createHmac, pbkdf2Sync } from "node:crypto";

export interface ScramClientOptions {
  readonly username: string;
  readonly password: string;
  readonly nonce: string;
  /** `n,,` by default. */
  readonly gs2?: string;
  /** What it binds to, with `p=tls-exporter,,`. */
  readonly channelBinding?: Buffer;
}

export class ScramClient {
  readonly #options: ScramClientOptions;
  #serverSignature = "";

  constructor(options: ScramClientOptions) {
    this.#options = options;
  }

  get first(): string {
    return `${this.#gs2}${this.#bare}`;
  }

  /** The answer to server-first-message. */
  final(serverFirst: string): string {
    const { password, channelBinding = Buffer.alloc(0) } = this.#options;
    const [, nonce, salt, iterations] = /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(serverFirst) ?? [];
    if (salt === undefined) throw new Error(`no server-first-message: ${serverFirst}`);
    const cbind = Buffer.concat([Buffer.from(this.#gs2), channelBinding]).toString("base64");
    const withoutProof = `c=${cbind},r=${nonce}`;
    const salted = pbkdf2Sync(password, Buffer.from(salt, "base64"), Number(iterations), 32, "sha256");
    const signed = `${this.#bare},${serverFirst},${withoutProof}`;
    const clientKey = hmac(salted, "Client Key");
    const signature = hmac(createHash("sha256").update(clientKey).digest(), signed);
    this.#serverSignature = hmac(hmac(salted, "Server Key"), signed).toString("base64");
    const proof = clientKey.map((octet, i) => octet ^ (signature[i] ?? 0));
    return `${withoutProof},p=${Buffer.from(proof).toString("base64")}`;
  }

  /** Whether the server has proved that it knows the password. */
  accepts(serverFinal: string): boolean {
    return serverFinal === `v=${this.#serverSignature}`;
  }

  get #gs2(): string {
    const { gs2, channelBinding } = this.#options;
    return gs2 ?? (channelBinding === undefined ? "n,," : "p=tls-exporter,,");
  }

  get #bare(): string {
    const { username, nonce } = this.#options;
    return `n=${username.replaceAll("=", "=3D").replaceAll(",", "=2C")},r=${nonce}`;
  }
}

function hmac(key: Buffer, message: string): Buffer {
  return createHmac("sha256", key).update(message).digest();
}
