/** Where a daemon listens, as written in its configuration: `host:port`, `[v6]:port`, `unix:/path`, `fd:3`. Pure. */
import { isIPv4, isIPv6, type ListenOptions } from "node:net";

export type ListenAddress =
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "fd"; readonly fd: number };

export const LISTEN_ADDRESS_FORMS = '"0.0.0.0:25", "[::]:25", "unix:/run/name.sock" or "fd:3"';

/** Reads an address of one of the forms above; a host must be a literal IP address, so that no DNS is asked. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const path = /^unix:(\/.+)$/.exec(text)?.[1];
  if (path !== undefined) return { kind: "unix", path };

  const fd = /^fd:(\d{1,4})$/.exec(text)?.[1];
  if (fd !== undefined) return { kind: "fd", fd: Number(fd) };

  const [, v6, v4, port] = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  if (port === undefined || Number(port) > 65_535) return undefined;
  if (v6 !== undefined && isIPv6(v6)) return { kind: "tcp", host: v6, port: Number(port) };
  if (v4 !== undefined && isIPv4(v4)) return { kind: "tcp", host: v4, port: Number(port) };
  return undefined;
}

/** Writes an address in the form that parseListenAddress reads. */
export function formatListenAddress(address: ListenAddress): string {
  switch (address.kind) {
    case "unix":
      return `unix:${address.path}`;
    case "fd":
      return `fd:${address.fd}`;
    case "tcp":
      return formatEndpoint(address.host, address.port);
  }
}

/** `host:port`, with the brackets that IPv6 needs. */
export function formatEndpoint(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * What net.Server.listen() takes. `::` binds IPv6 alone, so that "[::]:25" and "0.0.0.0:25" can stand side by
 * side in one file. A Unix socket is for whoever may reach its directory, as a port of 127.0.0.1 is for whoever is here:
 * those who connect are other users than ours.
 */
export function listenOptions(address: ListenAddress): ListenOptions & { fd?: number } {
  switch (address.kind) {
    case "unix":
      return { path: address.path, writableAll: true };
    case "fd":
      return { fd: address.fd };
    case "tcp":
      return { host: address.host, port: address.port, ipv6Only: isIPv6(address.host) };
  }
}

/** True for addresses that only this machine can connect from: 127.0.0.0/8, ::1, and a Unix socket's absent one. */
export function isLoopback(remoteAddress: string | undefined): boolean {
  if (remoteAddress === undefined || remoteAddress === "") return true;
  const address = remoteAddress.replace(/^::ffff:/i, "");
  return address === "::1" || (isIPv4(address) && address.startsWith("127."));
}
