/** What is seen in header sections, however they are cut. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { HeaderSection } from "../../../smtpd/receive/header-section.js";

interface Seen {
  readonly names: Record<string, number>;
  readonly deliveredTo: readonly string[];
  readonly headless: boolean;
  readonly ended: boolean;
}

const NAMES = ["date", "from", "message-id", "received", "subject", "x"];

function look(message: string, cuts: readonly number[] = []): Seen {
  const octets = Buffer.from(message, "latin1");
  const header = new HeaderSection();
  let ended = false;
  const edges = [...cuts.map((cut) => cut % (octets.length + 1)).sort((a, b) => a - b), octets.length];
  let start = 0;
  for (const edge of edges) {
    ended = header.push(octets.subarray(start, edge)) === "ended";
    start = edge;
  }
  header.end();
  const names = Object.fromEntries(
    NAMES.map((name) => [name, header.count(name)]).filter(([, count]) => count !== 0),
  );
  return { names, deliveredTo: header.deliveredTo, headless: header.headless, ended };
}

const rows: readonly (readonly [what: string, message: string, seen: Partial<Seen>])[] = [
  [
    "fields and a blank line",
    "From: a\nDATE : b\n\nSubject: body\n",
    { names: { from: 1, date: 1 }, ended: true },
  ],
  ["fields without an end", "From: a\nX: b", { names: { from: 1, x: 1 }, ended: false }],
  ["a field seen twice", "Received: a\nReceived: b\n\n", { names: { received: 2 } }],
  ["a folded field", "X: a\n From: no field\n\n", { names: { x: 1 } }],
  ["no header", "Hello,\n\nthere\n", { names: {}, headless: true, ended: true }],
  ["a blank line first", "\nbody\n", { names: {}, headless: false, ended: true }],
  ["white space first", " x: y\n", { names: {}, headless: true }],
  ["nothing at all", "", { names: {}, headless: false, ended: false }],
  [
    "a line that is no field ends it",
    "From: a\nnot a field\nDate: b\n\n",
    { names: { from: 1 }, headless: false },
  ],
  ["mbox's line is let pass", "From a@b Sat Jan  3\nFrom: a\n\n", { names: { from: 1 }, headless: false }],
  ["8-bit in a value", "Subject: \xe4\xff\n\n", { names: { subject: 1 } }],
  ["8-bit in a name is no field", "Subj\xe4ct: x\n\n", { names: {}, headless: true }],
  [
    "Delivered-To, folded",
    "delivered-TO: a@b\nDelivered-To:\n c@d\nX: y\n\nDelivered-To: body@x\n",
    { deliveredTo: ["a@b", "c@d"] },
  ],
];
for (const [what, message, seen] of rows) {
  test(`sees ${what}`, () => {
    const found = look(message);
    for (const [key, value] of Object.entries(seen)) assert.deepEqual(Reflect.get(found, key), value, key);
  });
}

test("sees the same in any cut", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...rows.map(([, message]) => message)),
      fc.array(fc.nat(), { maxLength: 8 }),
      (message, cuts) => assert.deepEqual(look(message, cuts), look(message)),
    ),
  );
});

test("never throws, whatever comes", () => {
  const line = fc.constantFrom("From: x\n", " \n", "\n", ":\n", "a:b", "\xff", "\x00", "Delivered-To:", "\t");
  fc.assert(fc.property(fc.array(line, { maxLength: 20 }), (lines) => void look(lines.join(""))));
});
