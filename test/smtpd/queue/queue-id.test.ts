import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatQueueId, isQueueId } from "../../../smtpd/queue/queue-id.js";

const milliseconds = fc.integer({ min: 0, max: 2 ** 44 });
const random = fc.integer({ min: 0, max: 2 ** 25 - 1 });

test("queue ids sort by time and differ when their parts differ", () => {
  fc.assert(
    fc.property(milliseconds, random, milliseconds, random, (t1, r1, t2, r2) => {
      const [a, b] = [formatQueueId(t1, r1), formatQueueId(t2, r2)];
      assert.match(a, /^[0-9A-HJKMNP-TV-Z]{14}$/);
      assert.ok(isQueueId(a));
      assert.equal(a === b, t1 === t2 && r1 === r2);
      if (t1 !== t2) assert.equal(a < b, t1 < t2);
    }),
  );
});

test("nothing else is a queue id", () => {
  const id = formatQueueId(1_763_769_600_000, 4711);
  const others = [
    "",
    id.slice(1),
    `${id}0`,
    id.toLowerCase(),
    `${id}\n`,
    ` ${id.slice(1)}`,
    `../${id.slice(3)}`,
  ];
  for (const letter of ["I", "L", "O", "U", "-", "/", ".", "\0", "\u00e9"]) others.push(letter + id.slice(1));
  for (const text of others) assert.equal(isQueueId(text), false, JSON.stringify(text));
});
