/** Many things, a few at a time: each once, never too many, and an error ends it when all is quiet. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { concurrently } from "../../shared/concurrently.js";

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

test("each item is done once, and never more than allowed at a time", async () => {
  const items = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(items, fc.integer({ min: 1, max: 5 }), async (turns, most) => {
      const done: number[] = [];
      let running = 0;
      await concurrently(turns.entries(), most, async ([i, count]) => {
        running++;
        assert.ok(running <= most);
        for (let n = 0; n < count; n++) await turn();
        running--;
        done.push(i);
      });
      assert.deepEqual(
        done.toSorted((a, b) => a - b),
        turns.map((_, i) => i),
      );
    }),
    { numRuns: 50 },
  );
});

test("after an error nothing more is begun, and it is passed on when what was begun has ended", async () => {
  const begun: number[] = [];
  let running = 0;
  const all = concurrently([0, 1, 2, 3, 4, 5], 2, async (i) => {
    begun.push(i);
    running++;
    await turn();
    if (i !== 1) await turn();
    running--;
    if (i === 1) throw new Error("one");
  });
  await assert.rejects(all, /one/);
  assert.equal(running, 0);
  assert.deepEqual(begun, [0, 1]);
});

test("an action that throws at once is like one that rejects", async () => {
  let begun = 0;
  const all = concurrently([0, 1, 2, 3, 4, 5], 2, (i): Promise<void> => {
    begun++;
    if (i === 0) throw new Error("at once");
    return turn();
  });
  await assert.rejects(all, /at once/);
  assert.ok(begun <= 2);
});
