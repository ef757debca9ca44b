/**
 * Binding the addresses of a configuration. What goes wrong here is for the person who wrote the configuration: the
 * error names the address and says what to do.
 */

import { unlink } from "node:fs/promises";
import { type AddressInfo, connect, type Server } from "node:net";
import { EXIT, ExitError, hasCode, isSystemError } from "./exit.js";
import { formatEndpoint, formatListenAddress, type ListenAddress, listenOptions } from "./listen-address.js";

/**
 * Makes `server` listen at `address`. Resolves to the address that it got, its port resolved, as parseListenAddress
 * reads it. A socket file that a dead process left behind is replaced. Rejects with an ExitError.
 */
export async function bind(server: Server, address: ListenAddress): Promise<string> {
  try {
    await listen(server, address);
  } catch (error) {
    if (address.kind !== "unix" || !hasCode(error, "EADDRINUSE") || (await isServed(address.path))) {
      throw explained(error, formatListenAddress(address));
    }
    await unlink(address.path).catch(() => {});
    await listen(server, address).catch((again: unknown) => {
      throw explained(again, formatListenAddress(address));
    });
  }
  return boundAddress(server.address(), address);
}

function listen(server: Server, address: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(listenOptions(address), () => {
      server.off("error", reject);
      resolve();
    });
  });
}

function boundAddress(bound: AddressInfo | string | null, wanted: ListenAddress): string {
  if (bound === null || typeof bound === "string") return formatListenAddress(wanted);
  return formatEndpoint(bound.address, bound.port);
}

/** True when somebody answers at a Unix socket. */
function isServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect({ path });
    probe.once("connect", () => {
      probe.destroy();
      resolve(true);
    });
    probe.once("error", (error) => resolve(!hasCode(error, "ECONNREFUSED")));
  });
}

function explained(error: unknown, address: string): unknown {
  if (hasCode(error, "EADDRINUSE")) {
    return new ExitError(EXIT.temporary, `${address} is in use by another program`, { cause: error });
  }
  if (hasCode(error, "EACCES", "EPERM")) {
    // Node says EACCES of a socket's directory that does not exist, too.
    const advice = address.startsWith("unix:")
      ? "its directory must exist and be writable"
      : "start as root (it is given up afterwards), or choose a port from 1024 on";
    return new ExitError(EXIT.permission, `${address} may not be bound: ${advice}`, { cause: error });
  }
  if (hasCode(error, "EADDRNOTAVAIL")) {
    return new ExitError(EXIT.configuration, `${address} is not an address of this host`, { cause: error });
  }
  if (!isSystemError(error)) return error;
  return new ExitError(EXIT.temporary, `${address} cannot be bound (${error.code})`, { cause: error });
}
