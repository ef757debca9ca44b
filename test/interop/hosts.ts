/**
 * Three hosts: a client, a relay, a destination. Where we are root, each is a network namespace with an address of its own
 * on one wire, and the daemons listen on the ports of their protocols; otherwise they are 127.0.0.2, .3 and .4.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import type { Zone } from "../fakes/dns-server.js";
import { succeed } from "./run.js";

export interface Host {
  readonly address: string;
  /** A command that runs another one on this host. */
  readonly wrapper: readonly string[];
}

export interface Hosts {
  readonly client: Host;
  readonly relay: Host;
  readonly destination: Host;
  /** The port to listen on for a protocol whose own port is this: it, or one that is free. */
  port(own: number): number;
  /** The address that its daemons call others from. */
  callsFrom(host: Host): string;
}

/** Three addresses of this host's loopback. */
export function loopbackHosts(): Hosts {
  const host = (last: number): Host => ({ address: `127.0.0.${last}`, wrapper: [] });
  return {
    client: host(2),
    relay: host(3),
    destination: host(4),
    port: () => 0,
    callsFrom: () => "127.0.0.1",
  };
}

/** Three network namespaces for as long as the test lasts, joined by a bridge in a fourth; takes root. */
export async function namespacedHosts(t: TestContext): Promise<Hosts> {
  const name = (role: string) => `pillarbox-${process.pid}-${role}`;
  const wire = name("wire");
  const ip = (...args: string[]) => succeed("ip", args);
  const make = async (namespace: string) => {
    await ip("netns", "add", namespace);
    t.after(() => ip("netns", "delete", namespace));
    await ip("-n", namespace, "link", "set", "lo", "up");
  };
  await make(wire);
  await ip("-n", wire, "link", "add", "wire", "type", "bridge");
  await ip("-n", wire, "link", "set", "wire", "up");
  const join = async (role: string, last: number): Promise<Host> => {
    const namespace = name(role);
    const address = `10.0.0.${last}`;
    await make(namespace);
    await ip("-n", wire, "link", "add", role, "type", "veth", "peer", "name", "eth0", "netns", namespace);
    await ip("-n", wire, "link", "set", role, "master", "wire", "up");
    await ip("-n", namespace, "address", "add", `${address}/24`, "dev", "eth0");
    await ip("-n", namespace, "link", "set", "eth0", "up");
    return { address, wrapper: ["ip", "netns", "exec", namespace] };
  };
  return {
    client: await join("client", 2),
    relay: await join("relay", 3),
    destination: await join("there", 4),
    port: (own) => own,
    callsFrom: ({ address }) => address,
  };
}

/** A DNS server on a host's loopback with this zone, for as long as the test lasts; resolves to its address and port. */
export async function dnsOn(t: TestContext, { wrapper }: Host, zone: Zone): Promise<string> {
  const program = fileURLToPath(new URL("../fakes/dns-program.js", import.meta.url));
  const [command = "", ...args] = [...wrapper, process.execPath, program, JSON.stringify(zone)];
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
  t.after(async () => {
    const ended = once(child, "exit");
    child.stdin.end();
    await ended;
  });
  const [address] = await once(createInterface({ input: child.stdout }), "line");
  return String(address);
}
