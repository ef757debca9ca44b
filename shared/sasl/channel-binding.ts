/** Channel binding data of a TLS connection, of the type tls-exporter (RFC 9266). */
import type { TLSSocket } from "node:tls";

const LABEL = "EXPORTER-Channel-Binding";
const OCTETS = 32;

/**
 * The data, or undefined where there are none: under TLS 1.2 they could be had only with an extension about which Node
 * does not tell whether it was negotiated (RFC 9266 §4.2).
 */
export function tlsExporter(socket: TLSSocket): Buffer | undefined {
  if (socket.getProtocol() !== "TLSv1.3") return undefined;
  // RFC 9266 §2: a context of no octets.
  return socket.exportKeyingMaterial(OCTETS, LABEL, Buffer.alloc(0));
}
