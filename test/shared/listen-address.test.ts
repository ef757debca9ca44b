/** Where a daemon listens, as it is written, and what that binds. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { stat } from "node:fs/promises";
import { type AddressInfo, createServer, type Server } from "node:net";
import { networkInterfaces } from "node:os";
import { describe, type TestContext, test } from "node:test";
import {
  formatEndpoint,
  formatListenAddress,
  isLoopback,
  type ListenAddress,
  listenOptions,
  parseListenAddress,
} from "../../shared/listen-address.js";
import { inapplicable } from "../peers.js";
import { temporaryDirectory } from "../temporary-directory.js";

const good: readonly (readonly [string, ListenAddress])[] = [
  ["0.0.0.0:25", { kind: "tcp", host: "0.0.0.0", port: 25 }],
  ["127.0.0.1:0", { kind: "tcp", host: "127.0.0.1", port: 0 }],
  ["192.0.2.1:65535", { kind: "tcp", host: "192.0.2.1", port: 65_535 }],
  ["[::]:25", { kind: "tcp", host: "::", port: 25 }],
  ["[2001:db8::1]:110", { kind: "tcp", host: "2001:db8::1", port: 110 }],
  ["[fe80::1%eth0]:110", { kind: "tcp", host: "fe80::1%eth0", port: 110 }],
  ["unix:/run/pillarbox/smtpd.sock", { kind: "unix", path: "/run/pillarbox/smtpd.sock" }],
  ["unix:/run/a:b", { kind: "unix", path: "/run/a:b" }],
  ["fd:3", { kind: "fd", fd: 3 }],
];

const bad = [
  "",
  "25",
  ":25",
  "0.0.0.0",
  "0.0.0.0:",
  "0.0.0.0:65536",
  "0.0.0.0:-1",
  "0.0.0.0:25x",
  "0.0.0.0:25 ",
  "0.0.0.0:0x19",
  "256.0.0.0:25",
  "localhost:25",
  "*:25",
  ":::25",
  "::1:25",
  "[::1]",
  "[::1]25",
  "[127.0.0.1]:25",
  "[::g]:25",
  "unix:",
  "unix:run/x",
  "unix:/",
  "fd:",
  "fd:x",
  "fd:-1",
  "fd:99999",
  "tcp:0.0.0.0:25",
];

for (const [text, address] of good) {
  test(`${text} is an address to listen on`, () => {
    assert.deepEqual(parseListenAddress(text), address);
    assert.equal(formatListenAddress(address), text);
  });
}
for (const text of bad) {
  test(`${JSON.stringify(text)} is none`, () => assert.equal(parseListenAddress(text), undefined));
}

test("an endpoint of IPv6 has brackets", () => {
  assert.equal(formatEndpoint("192.0.2.1", 25), "192.0.2.1:25");
  assert.equal(formatEndpoint("2001:db8::1", 25), "[2001:db8::1]:25");
});

const callers: readonly (readonly [string | undefined, boolean])[] = [
  ["127.0.0.1", true],
  ["127.255.255.254", true],
  ["::1", true],
  ["::ffff:127.0.0.1", true],
  ["::FFFF:127.0.0.2", true],
  ["", true],
  [undefined, true],
  ["128.0.0.1", false],
  ["10.127.0.1", false],
  ["0.0.0.0", false],
  ["::", false],
  ["::2", false],
  ["2001:db8::1", false],
  ["::ffff:192.0.2.1", false],
  ["::127.0.0.1", false],
  ["127.example.org", false],
  ["127.0.0.1.example.org", false],
  ["::ffff:127.0.0.1.example.org", false],
];

for (const [remoteAddress, expected] of callers) {
  test(`a caller from ${remoteAddress} is ${expected ? "" : "not "}on this machine`, () => {
    assert.equal(isLoopback(remoteAddress), expected);
  });
}

const hasIPv6 = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ family }) => family === "IPv6"),
);

describe("listening", () => {
  async function listen(t: TestContext, text: string): Promise<Server> {
    const address = parseListenAddress(text);
    assert.ok(address);
    const server = createServer().listen(listenOptions(address));
    t.after(() => server.close());
    await once(server, "listening");
    return server;
  }

  test("on an IPv4 address and on a Unix socket", async (t) => {
    const address: unknown = (await listen(t, "127.0.0.1:0")).address();
    assert.ok(isAddressInfo(address));
    assert.equal(address.address, "127.0.0.1");
    const path = `${await temporaryDirectory(t)}/x.sock`;
    assert.equal((await listen(t, `unix:${path}`)).address(), path);
    assert.equal((await stat(path)).mode & 0o222, 0o222, "for other users too");
  });

  test("on [::] leaves the same port of IPv4 free", {
    skip: !hasIPv6 && inapplicable("this machine has no IPv6"),
  }, async (t) => {
    const v6: unknown = (await listen(t, "[::]:0")).address();
    assert.ok(isAddressInfo(v6));
    await listen(t, `0.0.0.0:${v6.port}`);
  });
});

function isAddressInfo(address: unknown): address is AddressInfo {
  return typeof address === "object" && address !== null && "port" in address;
}
