/** Certificates for tests: made anew each time, trusted by nobody. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { generate } from "selfsigned";

export interface CertificateFiles {
  readonly certificate: string;
  readonly key: string;
  /** The certificate itself, PEM, for a client that shall trust it. */
  readonly pem: string;
}

/** Writes `<name>.crt` and `<name>.key` for a host of that name into `directory`, over what was there. */
export async function writeCertificate(
  directory: string,
  name = "localhost",
  dates: { notBeforeDate?: Date; notAfterDate?: Date } = {},
): Promise<CertificateFiles> {
  const pems = await generate([{ name: "commonName", value: name }], {
    keyType: "ec",
    algorithm: "sha256",
    ...dates,
    extensions: [
      {
        name: "subjectAltName",
        altNames: [
          { type: 2, value: name },
          { type: 7, ip: "127.0.0.1" },
        ],
      },
    ],
  });
  const certificate = join(directory, `${name}.crt`);
  const key = join(directory, `${name}.key`);
  await writeFile(certificate, pems.cert);
  await writeFile(key, pems.private, { mode: 0o600 });
  return { certificate, key, pem: pems.cert };
}
