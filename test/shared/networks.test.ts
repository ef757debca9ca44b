/** Networks as configuration files write them. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Networks, parseNetwork } from "../../shared/networks.js";

describe("reading", () => {
  const rows: readonly (readonly [string, string | undefined, number?])[] = [
    ["192.0.2.1", "192.0.2.1", 32],
    ["192.0.2.0/24", "192.0.2.0", 24],
    ["0.0.0.0/0", "0.0.0.0", 0],
    ["::1", "::1", 128],
    ["2001:db8::/32", "2001:db8::", 32],
    ["192.0.2.0/33", undefined],
    ["::/129", undefined],
    ["192.0.2.0/", undefined],
    ["192.0.2.0/024", undefined],
    ["192.0.2/24", undefined],
    ["[::1]", undefined],
    ["fe80::1%eth0", undefined],
    ["localhost", undefined],
    ["", undefined],
  ];
  for (const [text, address, prefix] of rows) {
    test(JSON.stringify(text), () => {
      assert.deepEqual(parseNetwork(text), address === undefined ? undefined : { address, prefix });
    });
  }
});

describe("belonging", () => {
  const networks = new Networks(
    ["192.0.2.0/24", "198.51.100.7", "2001:db8::/32"].flatMap((text) => parseNetwork(text) ?? []),
  );
  const rows: readonly (readonly [string, boolean])[] = [
    ["192.0.2.255", true],
    ["192.0.3.0", false],
    ["198.51.100.7", true],
    ["198.51.100.8", false],
    ["::ffff:192.0.2.9", true],
    ["2001:db8:ffff::1", true],
    ["2001:db9::1", false],
    ["", false],
    ["local 1", false],
  ];
  for (const [address, belongs] of rows) {
    test(JSON.stringify(address), () => assert.equal(networks.has(address), belongs));
  }

  test("nobody belongs to no network", () => assert.equal(new Networks([]).has("127.0.0.1"), false));
});
