/**
 * What SASL puts inside AUTH: base64 read strictly (RFC 4954 §4, RFC 4648 §4), and the messages of PLAIN (RFC 4616) and
 * of LOGIN, which no RFC describes. Pure.
 */
import { isUtf8 } from "node:buffer";

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

export interface Mechanism {
  readonly name: "PLAIN" | "LOGIN";
  /** What is asked for, one after the other. The client may answer the first with the AUTH command itself. */
  readonly challenges: readonly string[];
  /** Credentials from the answers, one for each challenge; undefined when they do not make sense. */
  readonly credentials: (responses: readonly Buffer[]) => Credentials | undefined;
}

const PLAIN: Mechanism = {
  name: "PLAIN",
  challenges: [""],
  // message = [authzid] UTF8NUL authcid UTF8NUL passwd
  credentials: ([message]) => {
    const [authzid, username, password, ...others] = textOf(message)?.split("\0") ?? [];
    if (username === undefined || password === undefined || others.length > 0) return undefined;
    // Acting for someone else is not offered.
    return authzid === "" || authzid === username ? nonEmpty({ username, password }) : undefined;
  },
};

const LOGIN: Mechanism = {
  name: "LOGIN",
  challenges: ["Username:", "Password:"],
  credentials: (responses) => {
    const [username, password] = responses.map(textOf);
    if (username === undefined || password === undefined) return undefined;
    return /\0/.test(username + password) ? undefined : nonEmpty({ username, password });
  },
};

export const MECHANISMS: ReadonlyMap<string, Mechanism> = new Map(
  [PLAIN, LOGIN].map((mechanism) => [mechanism.name, mechanism]),
);

/** Decodes base64 in its one canonical form: alphabet, padding and unused bits; undefined for anything else. */
export function decodeBase64(text: string): Buffer | undefined {
  const octets = Buffer.from(text, "base64");
  return octets.toString("base64") === text ? octets : undefined;
}

function textOf(octets: Buffer | undefined): string | undefined {
  return octets !== undefined && isUtf8(octets) ? octets.toString() : undefined;
}

function nonEmpty(credentials: Credentials): Credentials | undefined {
  return credentials.username === "" || credentials.password === "" ? undefined : credentials;
}
