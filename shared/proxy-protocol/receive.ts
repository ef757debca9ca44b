/**
 * Receiving the header of the PROXY protocol from a connection that has just been accepted. What comes behind the
 * header stays on the socket, for whoever serves the client.
 *
 * A connection that sends something else, sends it too slowly or goes away is of no use to anybody: the caller closes it
 * without a word, as the protocol's text wants it.
 */
import type { Socket } from "node:net";
import { PROXY_HEADER_OCTETS_MAX, type ProxiedClient, readProxyHeader } from "./header.js";

/** "at least 3 seconds, to cover a TCP retransmit" */
const HEADER_MS_MAX = 5_000;

export type ReceivedHeader =
  | { readonly kind: "received"; readonly proxied: ProxiedClient | undefined }
  | { readonly kind: "none"; readonly why: string };

/**
 * Reads the header. Never rejects.
 * @param socket paused, and read by nobody else meanwhile; it is left so
 */
export function receiveProxyHeader(socket: Socket, msMax = HEADER_MS_MAX): Promise<ReceivedHeader> {
  return new Promise((resolve) => {
    let held = Buffer.alloc(0);
    const timer = setTimeout(() => settle({ kind: "none", why: `no PROXY header in ${msMax} ms` }), msMax);
    const settle = (outcome: ReceivedHeader) => {
      clearTimeout(timer);
      socket.pause();
      socket.off("readable", look).off("end", gone).off("close", gone).off("error", gone);
      resolve(outcome);
    };
    const gone = () => settle({ kind: "none", why: "closed before a PROXY header came" });
    const look = () => {
      const octets: Buffer | null = socket.read();
      if (octets === null) return;
      held = Buffer.concat([held, octets]);
      const header = readProxyHeader(held.subarray(0, PROXY_HEADER_OCTETS_MAX));
      if (header.kind === "incomplete") return;
      if (header.kind === "invalid") return settle({ kind: "none", why: `PROXY header: ${header.why}` });
      settle({ kind: "received", proxied: header.proxied });
      if (held.length > header.octets) socket.unshift(held.subarray(header.octets));
    };
    socket.on("readable", look).once("end", gone).once("close", gone).once("error", gone);
  });
}
