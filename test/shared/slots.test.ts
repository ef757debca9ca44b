import assert from "node:assert/strict";
import { test } from "node:test";
import { BusyError, Slots } from "../../shared/slots.js";

function gate() {
  let open: () => void = () => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { open, opened };
}

function busy(code: string) {
  return (error: unknown) => error instanceof BusyError && error.code === code;
}

test("so much at once, the rest in order, and a failure frees its slot", async () => {
  const slots = new Slots({ atOnce: 2, waiting: 10, waitMs: 60_000 });
  const { open, opened } = gate();
  const begun: number[] = [];
  const work = (i: number) => async () => {
    begun.push(i);
    await opened;
    if (i % 2 === 0) throw new Error("as the test wants it");
    return i;
  };
  const all = Promise.allSettled([0, 1, 2, 3, 4].map((i) => slots.run(work(i))));
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(begun, [0, 1]);
  open();
  const results = await all;
  assert.deepEqual(begun, [0, 1, 2, 3, 4]);
  assert.deepEqual(
    results.map((result) => result.status === "fulfilled" && result.value),
    [false, 1, false, 3, false],
  );
});

test("who finds too many waiting, waits too long, or comes after the end, is told so", async () => {
  const slots = new Slots({ atOnce: 1, waiting: 1, waitMs: 20 });
  const { open, opened } = gate();
  const first = slots.run(() => opened);
  const second = slots.run(async () => {});
  await assert.rejects(
    slots.run(async () => {}),
    busy("QUEUE_FULL"),
  );
  await assert.rejects(second, busy("WAITED_TOO_LONG"));
  const third = slots.run(async () => {});
  slots.close();
  await assert.rejects(third, busy("CLOSED"));
  await assert.rejects(
    slots.run(async () => {}),
    busy("CLOSED"),
  );
  open();
  await first;
});
