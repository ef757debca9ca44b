/** Other work has its turn while very many things are gone through. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { inSlices } from "../../../smtpd/queue/slices.js";

function busy(milliseconds: number): void {
  for (const end = performance.now() + milliseconds; performance.now() < end; );
}

test("each thing has its turn, in order, and others between them", async () => {
  const done: number[] = [];
  let turns = 0;
  const beat = setInterval(() => turns++, 1);
  await inSlices([1, 2, 3, 4, 5, 6], (item) => {
    busy(12);
    done.push(item);
    return undefined;
  });
  clearInterval(beat);
  assert.deepEqual(done, [1, 2, 3, 4, 5, 6]);
  assert.ok(turns >= 3);
});

test("a promise is waited for, and its error ends it", async () => {
  const done: number[] = [];
  const trouble = new Error("trouble");
  const work = inSlices([1, 2, 3], async (item) => {
    await Promise.resolve();
    if (item === 2) throw trouble;
    done.push(item);
  });
  await assert.rejects(work, trouble);
  assert.deepEqual(done, [1]);
});

test("a signal ends it between two things", async () => {
  const ending = new AbortController();
  const done: number[] = [];
  const work = inSlices(
    [1, 2, 3],
    (item) => {
      done.push(item);
      if (item === 2) ending.abort(new Error("ended"));
      return undefined;
    },
    ending.signal,
  );
  await assert.rejects(work, /ended/);
  assert.deepEqual(done, [1, 2]);
});
