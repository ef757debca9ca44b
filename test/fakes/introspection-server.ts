/**
 * A small authorization server that answers questions about tokens (RFC 7662), over real HTTP. What it says of a token is
 * told in `answers`; a token named after a trouble makes that trouble.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";

export const CLIENT_ID = "mail server";
export const CLIENT_SECRET = "s:cr&t %é";
const PATH = "/introspect";

export class IntrospectionServer {
  /** What is said of each token; of others that they are not active. */
  readonly answers = new Map<string, object>();
  /** The forms that were posted. */
  readonly asked: URLSearchParams[] = [];
  /** What an answer waits for. */
  gate: Promise<void> = Promise.resolve();
  /** Answers under way, and the most that there were at once. */
  atOnce = 0;
  atOnceMost = 0;
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch(() => response.destroy());
    });
  }

  static async start(): Promise<IntrospectionServer> {
    const server = new IntrospectionServer();
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    return server;
  }

  get url(): string {
    const address = this.#server.address();
    const port = typeof address === "object" ? address?.port : undefined;
    return `http://127.0.0.1:${port}${PATH}`;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const form = new URLSearchParams(await text(request));
    this.asked.push(form);
    this.atOnceMost = Math.max(this.atOnceMost, ++this.atOnce);
    await this.gate;
    this.atOnce--;
    const token = form.get("token") ?? "";
    if (request.method !== "POST" || request.url !== PATH) return end(response, 404);
    if (request.headers["content-type"]?.split(";")[0] !== "application/x-www-form-urlencoded")
      return end(response, 415);
    if (!authorized(request.headers.authorization)) return end(response, 401);
    switch (token) {
      case "slow":
        response.writeHead(200).write("{");
        return;
      case "huge":
        return flood(response);
      case "broken":
        return end(response, 200, '{"active": true, ');
      case "foreign":
        return end(response, 200, '{"valid": true, "username": "alice"}');
      case "list":
        return end(response, 200, "[true]");
      case "text":
        return end(response, 200, '{"active": "true", "username": "alice"}');
      case "failing":
        return end(response, 500, '{"active": true, "username": "alice"}');
      case "elsewhere":
        response.setHeader("location", `${PATH}?again`);
        return end(response, 307);
      case "cut":
        response.destroy();
        return;
      default:
        return end(response, 200, JSON.stringify(this.answers.get(token) ?? { active: false }));
    }
  }
}

function end(response: ServerResponse, status: number, body = ""): void {
  response.writeHead(status, { "content-type": "application/json" }).end(body);
}

/** RFC 6749 §2.3.1: form-urlencoded, then Basic. */
function authorized(header: string | undefined): boolean {
  const [, coded = ""] = /^Basic (.*)$/.exec(header ?? "") ?? [];
  const [id, secret] = Buffer.from(coded, "base64")
    .toString()
    .split(":")
    .map((part) => decodeURIComponent(part.replaceAll("+", " ")));
  return id === CLIENT_ID && secret === CLIENT_SECRET;
}

/** JSON without end, as fast as it is read. */
function flood(response: ServerResponse): void {
  const piece = Buffer.alloc(64 * 1024, " ");
  const more = () => {
    while (!response.destroyed && response.write(piece));
  };
  response.writeHead(200).on("drain", more);
  more();
}
