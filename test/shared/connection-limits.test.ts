/** Places for connections: never more than allowed, and each given back once. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ConnectionLimits, limitKey } from "../../shared/connection-limits.js";

/** Two of these are one host; the last two are in a network of their own. */
const callers = [
  "192.0.2.1",
  "::ffff:192.0.2.1",
  "192.0.2.2",
  "2001:db8::1",
  "2001:db8::2",
  "2001:db8:0:1::1",
  "",
];

const step = fc.oneof(
  fc.record({ kind: fc.constant("admit" as const), from: fc.constantFrom(...callers) }),
  fc.record({ kind: fc.constant("release" as const), which: fc.nat({ max: 20 }), twice: fc.boolean() }),
);

test("the counts are those of a plain list of the open connections", () => {
  const limit = fc.integer({ min: 1, max: 5 });
  fc.assert(
    fc.property(limit, limit, fc.array(step, { maxLength: 60 }), (total, perAddress, steps) => {
      const limits = new ConnectionLimits({ total, perAddress });
      const open: { readonly key: string; readonly release: () => void }[] = [];
      for (const next of steps) {
        if (next.kind === "release") {
          const [closed] = open.splice(next.which % Math.max(1, open.length), 1);
          closed?.release();
          if (next.twice) closed?.release();
          continue;
        }
        const key = limitKey(next.from);
        const fromThere = open.filter((connection) => connection.key === key).length;
        const admission = limits.admit(next.from);
        if (open.length >= total)
          assert.deepEqual(admission, { kind: "refused", reason: "too many connections" });
        else if (fromThere >= perAddress) {
          assert.deepEqual(admission, { kind: "refused", reason: "too many connections from this address" });
        } else {
          assert.equal(admission.kind, "admitted");
          if (admission.kind === "admitted") open.push({ key, release: admission.release });
        }
      }
    }),
  );
});

const groups = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff })), {
  minLength: 8,
  maxLength: 8,
});

/** The ways to write one IPv6 address: in full, with leading zeros, in capitals, with `::` for a run of zeros. */
function writings(address: readonly number[]): string[] {
  const full = address.map((group) => group.toString(16));
  const forms = [
    full.join(":"),
    full.map((group) => group.padStart(4, "0")).join(":"),
    full.join(":").toUpperCase(),
    `${full.join(":")}%eth0`,
  ];
  for (let start = 0; start < 8; start++) {
    for (let end = start + 1; end <= 8 && address.slice(start, end).every((group) => group === 0); end++) {
      forms.push(`${full.slice(0, start).join(":")}::${full.slice(end).join(":")}`);
    }
  }
  return forms;
}

test("an IPv6 host counts by its /64, however its address is written", () => {
  fc.assert(
    fc.property(groups, groups, (address, other) => {
      fc.pre(address.slice(0, 5).some((group) => group !== 0));
      const expected = limitKey(address.map((group) => group.toString(16)).join(":"));
      for (const text of writings(address)) assert.equal(limitKey(text), expected, text);

      const neighbour = [...address.slice(0, 4), ...other.slice(4)];
      assert.equal(limitKey(neighbour.map((group) => group.toString(16)).join(":")), expected);

      const sameNetwork = address.slice(0, 4).every((group, i) => group === other[i]);
      const key = limitKey(other.map((group) => group.toString(16)).join(":"));
      assert.equal(key === expected, sameNetwork);
    }),
  );
});

test("an IPv4 host counts by its address, mapped into IPv6 or not", () => {
  assert.equal(limitKey("192.0.2.1"), limitKey("::ffff:192.0.2.1"));
  assert.equal(limitKey("192.0.2.1"), limitKey("::FFFF:192.0.2.1"));
  assert.notEqual(limitKey("192.0.2.1"), limitKey("192.0.2.2"));
  assert.notEqual(limitKey("::ffff:192.0.2.1"), limitKey("::1"));
  assert.notEqual(limitKey("::ffff:192.0.2.1"), limitKey("64:ff9b::192.0.2.1"));
});
