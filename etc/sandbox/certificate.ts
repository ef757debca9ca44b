/**
 * The sandbox's certificate: self-signed, made at the first start and kept, so that a mail program has to be told to
 * trust it only once. One that has expired is replaced.
 */
import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { generate } from "selfsigned";
import { hasCode } from "../../shared/exit.js";
import { place } from "./files.js";
import { ADDRESS, DOMAIN, HOSTNAME, type Layout } from "./layout.js";

/** Apple's systems trust none that is valid for more than 825 days. */
const VALID_DAYS = 800;
const DAY_MS = 24 * 3_600_000;

/** RFC 5280 §4.2.1.6: kinds of names in a subjectAltName. */
const DNS_NAME = 2;
const IP_ADDRESS = 7;

/** Makes the certificate and its key unless there is one that is valid at `now`, in milliseconds since 1970. */
export async function provideCertificate(layout: Layout, now: number): Promise<void> {
  if (await isValid(layout.certificate, now)) return;
  const made = await generate([{ name: "commonName", value: HOSTNAME }], {
    keyType: "ec",
    algorithm: "sha256",
    notBeforeDate: new Date(now - DAY_MS),
    notAfterDate: new Date(now + VALID_DAYS * DAY_MS),
    extensions: [
      { name: "basicConstraints", cA: false, critical: true },
      { name: "keyUsage", digitalSignature: true, critical: true },
      { name: "extKeyUsage", serverAuth: true },
      {
        name: "subjectAltName",
        altNames: [
          { type: IP_ADDRESS, ip: ADDRESS },
          ...["localhost", HOSTNAME, DOMAIN].map((value) => ({ type: DNS_NAME, value }) as const),
        ],
      },
    ],
  });
  // The certificate comes last: while it is missing, a start that was cut short is made good by the next.
  await place(layout.key, made.private);
  await place(layout.certificate, made.cert);
}

async function isValid(file: string, now: number): Promise<boolean> {
  try {
    return Date.parse(new X509Certificate(await readFile(file)).validTo) > now;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return false;
    throw error;
  }
}
