/**
 * Asking an authorization server about a token (RFC 7662). One POST for each, with our credentials; redirects are not
 * followed, since they would carry token and secret elsewhere; an answer too long or too late is none.
 *
 * Whatever goes wrong rejects with an IntrospectionError: nobody can say whether the token is good. Neither token nor
 * secret is ever part of one.
 */

const DEADLINE_MS = 10_000;
/** An answer has a dozen claims; ten times what the largest ones need. */
const ANSWER_OCTETS_MAX = 64 * 1024;

export type IntrospectionErrorCode = "UNREACHABLE" | "TOO_LATE" | "STATUS" | "TOO_LARGE" | "NO_ANSWER";

/** Why nobody can say whether a token is good. */
export class IntrospectionError extends Error {
  override readonly name = "IntrospectionError";
  readonly code: IntrospectionErrorCode;

  constructor(code: IntrospectionErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export interface IntrospectionEndpoint {
  /** https, or http to this host. */
  readonly url: string;
  readonly clientId: string;
  /** In force; asked for at each request. */
  readonly clientSecret: () => string;
  readonly deadlineMs?: number;
}

/** The body of the server's answer about `token`. Rejects with an IntrospectionError. */
export async function introspect(endpoint: IntrospectionEndpoint, token: string): Promise<string> {
  const { url, deadlineMs = DEADLINE_MS } = endpoint;
  const deadline = AbortSignal.timeout(deadlineMs);
  try {
    const response = await fetch(url, {
      method: "POST",
      redirect: "manual",
      headers: { accept: "application/json", authorization: basic(endpoint) },
      body: new URLSearchParams({ token, token_type_hint: "access_token" }),
      signal: deadline,
    });
    if (response.status !== 200) {
      await response.body?.cancel();
      throw new IntrospectionError("STATUS", `${url} answers ${response.status}${hint(response.status)}`);
    }
    return await boundedText(response, url);
  } catch (error) {
    if (error instanceof IntrospectionError) throw error;
    if (deadline.aborted) {
      throw new IntrospectionError("TOO_LATE", `${url} gave no answer within ${deadlineMs} ms`);
    }
    throw new IntrospectionError("UNREACHABLE", `${url} cannot be asked: ${reasonOf(error)}`);
  }
}

/** RFC 6749 §2.3.1: both parts are form-urlencoded before they become HTTP Basic. */
function basic({ clientId, clientSecret }: IntrospectionEndpoint): string {
  const [id, secret] = [clientId, clientSecret()].map((part) =>
    new URLSearchParams({ x: part }).toString().slice("x=".length),
  );
  return `Basic ${Buffer.from(`${id}:${secret}`).toString("base64")}`;
}

async function boundedText(response: Response, url: string): Promise<string> {
  const pieces: Uint8Array[] = [];
  let octets = 0;
  for await (const piece of response.body ?? []) {
    octets += piece.length;
    if (octets > ANSWER_OCTETS_MAX) {
      throw new IntrospectionError("TOO_LARGE", `${url} answers with more than ${ANSWER_OCTETS_MAX} octets`);
    }
    pieces.push(piece);
  }
  return Buffer.concat(pieces, octets).toString();
}

function hint(status: number): string {
  if (status === 401 || status === 403) return ", so our client_id or client secret is not right";
  return status >= 300 && status < 400 ? ", and redirects are not followed" : "";
}

/** fetch says "fetch failed", and its cause why. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return cause instanceof Error ? cause.message : String(cause);
}
