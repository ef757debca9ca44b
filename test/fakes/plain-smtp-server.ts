/**
 * smtp-server as it comes, with handlers written as its documentation writes them, set up as much like our listener with
 * the receiver in memory (receiver.ts) as its options allow: what our tests of the differences are run against.
 */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import { PASSWORD, SECRET } from "./receiver.js";

export interface PlainMessage {
  readonly octets: Buffer;
  readonly smtputf8: boolean;
  readonly recipients: readonly string[];
}

export interface PlainServer {
  readonly port: number;
  readonly messages: readonly PlainMessage[];
  /** Every reverse-path that was asked about. */
  readonly reversePaths: readonly string[];
  /** Messages that were begun and have not ended. */
  readonly open: () => number;
  /** Resolves when a connection is over. */
  readonly connectionOver: Promise<void>;
  stop(): Promise<void>;
}

export async function startPlainServer(options: SMTPServerOptions): Promise<PlainServer> {
  const messages: PlainMessage[] = [];
  const reversePaths: string[] = [];
  let open = 0;
  let over = () => {};
  const connectionOver = new Promise<void>((resolve) => {
    over = resolve;
  });
  const server = new SMTPServer({
    name: "mail.pillarbox.test",
    logger: false,
    disableReverseLookup: true,
    hideENHANCEDSTATUSCODES: false,
    rejectOversized: true,
    allowInsecureAuth: true,
    closeTimeout: 1,
    ...options,
    onAuth: ({ username, password }, _session, callback) => {
      callback(null, password === PASSWORD ? { user: username } : {});
    },
    onMailFrom: ({ address }, _session, callback) => {
      reversePaths.push(address);
      callback(address.startsWith("refused@") ? refusal(550, "not from you") : null);
    },
    onRcptTo: ({ address }, _session, callback) => {
      if (address.startsWith("trouble")) return callback(new Error(SECRET));
      if (address.startsWith("unknown")) return callback(refusal(550, "no such mailbox"));
      if (address.startsWith("relay")) return callback(refusal(550, "we do not relay"));
      callback();
    },
    onData: (stream, session, callback) => {
      const chunks: Buffer[] = [];
      open++;
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        open--;
        messages.push({
          octets: Buffer.concat(chunks),
          smtputf8: session.envelope.smtpUtf8 === true,
          recipients: session.envelope.rcptTo.map(({ address }) => address),
        });
        callback();
      });
    },
    onClose: () => over(),
  });
  server.on("error", () => {});
  server.listen(0, "127.0.0.1");
  await once(server.server, "listening");
  return {
    port: (server.server.address() as AddressInfo).port,
    messages,
    reversePaths,
    open: () => open,
    connectionOver,
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

function refusal(responseCode: number, message: string): Error {
  return Object.assign(new Error(message), { responseCode });
}
