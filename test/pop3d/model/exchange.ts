/** SASL PLAIN and LOGIN in the simplest words (RFC 4616, RFC 5034 §4). Pure. */
import { isUtf8 } from "./grammar.js";

/** What comes of a response: a further challenge, a user name and a password, or nothing that means anything. */
export type Turn = Exchange | Credentials | "mistake" | "refused";

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

export type Exchange = (response: string) => Turn;

/** The mechanisms that are offered with and without TLS. Nobody here can do SCRAM right without trying. */
export function mechanisms(tls: boolean): ReadonlyMap<string, Exchange> {
  const [plain, login, scram] = [decoding(plainResponse), decoding(loginName), decoding(() => "mistake")];
  return new Map([
    ...(tls ? [["SCRAM-SHA-256-PLUS", scram] as const] : []),
    ["SCRAM-SHA-256", scram],
    ["PLAIN", plain],
    ["LOGIN", login],
  ]);
}

/** Strict base64 of UTF-8; `*` cancels, which is as much of a mistake. */
function decoding(take: (text: string) => Turn): Exchange {
  return (response) => {
    if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(response)) return "mistake";
    const octets = Buffer.from(response, "base64");
    if (octets.toString("base64") !== response) return "mistake";
    const text = octets.toString("latin1");
    return isUtf8(text) ? take(text) : "mistake";
  };
}

function plainResponse(message: string): Turn {
  const [, authzid, username = "", password = ""] = /^([^\0]*)\0([^\0]+)\0([^\0]+)$/.exec(message) ?? [];
  if (authzid === undefined) return "mistake";
  return authzid === "" || authzid === username ? { username, password } : "refused";
}

function loginName(username: string): Turn {
  if (!isAnswer(username)) return "mistake";
  return decoding((password) => (isAnswer(password) ? { username, password } : "mistake"));
}

function isAnswer(text: string): boolean {
  return text !== "" && !text.includes("\0");
}
