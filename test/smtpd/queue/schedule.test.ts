/** The schedule, case by case, and against a model: a list of what waits, and counts of what is under way. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { Waiting } from "../../../smtpd/queue/lane.js";
import { Schedule, type ScheduleLimits, type Turn } from "../../../smtpd/queue/schedule.js";

const NEVER = Number.MAX_SAFE_INTEGER;
const FAR = 1e9;
const LIMITS: ScheduleLimits = { atOnce: 100, perDestination: 20, pauses: [1000, 2000, 4000] };

function waiting(queueId: string, destination: string, rest: Partial<Waiting> = {}): Waiting {
  return { queueId, destination, due: 0, decideAt: NEVER, fresh: true, ...rest };
}

function scheduleOf(all: readonly Waiting[], limits: Partial<ScheduleLimits> = {}, now = 0): Schedule {
  const schedule = new Schedule({ ...LIMITS, ...limits });
  for (const one of all) schedule.set(one.queueId, [one], now);
  return schedule;
}

function turnsOf(schedule: Schedule, now = 0): Turn[] {
  const turns = [];
  for (let turn = schedule.next(now); turn !== undefined; turn = schedule.next(now)) turns.push(turn);
  return turns;
}

const names = (turns: readonly Turn[]) => turns.map(({ queueId }) => queueId);
const times = <T>(count: number, make: (i: number) => T) => Array.from({ length: count }, (_, i) => make(i));

/** Attempts for a destination fail until its circuit is open. */
function openCircuit(schedule: Schedule, destination: string, now = 0): void {
  for (let i = 0; i < 3; i++) {
    schedule.set(`opens ${i}`, [waiting(`opens ${i}`, destination)], now);
    const turn = schedule.next(now);
    assert.ok(turn);
    schedule.done(turn, "unreached", now, waiting(turn.queueId, destination, { due: FAR, fresh: false }));
  }
}

describe("turns", () => {
  test("destinations take turns: fifty thousand messages for one do not delay the one for another", () => {
    const many = times(50_000, (i) => waiting(`a${i}`, "a"));
    const schedule = scheduleOf([...many, waiting("b", "b"), waiting("c", "c")], { atOnce: 3 });
    assert.deepEqual(names(turnsOf(schedule)), ["a0", "b", "c"]);
  });

  test("messages for one destination go in the order in which they came, few at first, more as hosts are reached", () => {
    const schedule = scheduleOf(times(50, (i) => waiting(String(i), "a")));
    const first = turnsOf(schedule);
    assert.deepEqual(names(first), ["0", "1", "2", "3", "4"]);
    for (const turn of first) schedule.done(turn, "reached", 0);
    const second = turnsOf(schedule);
    assert.equal(second.length, 10);
    for (const turn of second) schedule.done(turn, "reached", 0);
    assert.equal(turnsOf(schedule).length, 20);
  });

  test("new mail goes before deferred mail, which never takes all the room", () => {
    const deferred = times(20, (i) => waiting(`old ${i}`, `o${i}`, { fresh: false }));
    const schedule = scheduleOf(deferred, { atOnce: 8 });
    assert.equal(turnsOf(schedule).length, 6);
    for (const i of [1, 2, 3]) schedule.set(`new ${i}`, [waiting(`new ${i}`, "n")], 0);
    assert.deepEqual(names(turnsOf(schedule)), ["new 1", "new 2"]);
  });

  test("deferred mail leaves room to new mail for the same destination", () => {
    const schedule = scheduleOf(times(9, (i) => waiting(`old ${i}`, "a", { fresh: false })));
    assert.equal(turnsOf(schedule).length, 3);
    schedule.set("new", [waiting("new", "a")], 0);
    assert.deepEqual(names(turnsOf(schedule)), ["new"]);
  });

  test("what is due later waits until then", () => {
    const schedule = scheduleOf([waiting("later", "a", { due: 500, fresh: false })]);
    assert.deepEqual(turnsOf(schedule, 499), []);
    assert.equal(schedule.wakeAt(), 500);
    assert.deepEqual(names(turnsOf(schedule, 500)), ["later"]);
    assert.equal(schedule.wakeAt(), undefined);
  });
});

describe("a destination that cannot be reached", () => {
  test("is let alone after a few failures, then probed once, and longer after each", () => {
    const schedule = scheduleOf([]);
    openCircuit(schedule, "dead");
    for (const name of ["x", "y"]) schedule.set(name, [waiting(name, "dead")], 0);
    assert.deepEqual(turnsOf(schedule, 999), []);
    assert.equal(schedule.wakeAt(), 1000);
    const [probe, ...others] = turnsOf(schedule, 1000);
    assert.ok(probe);
    assert.deepEqual(others, []);
    schedule.done(probe, "unreached", 1500, waiting("x", "dead", { due: 9000, fresh: false }));
    assert.deepEqual(turnsOf(schedule, 3499), []);
    const [second] = turnsOf(schedule, 3500);
    assert.equal(second?.queueId, "y");
    schedule.done(second, "reached", 3500);
    assert.deepEqual(names(turnsOf(schedule, 9000)), ["x"]);
  });

  test("delays no other", () => {
    const schedule = scheduleOf(times(1000, (i) => waiting(`d${i}`, "dead")));
    openCircuitBy(turnsOf(schedule), schedule);
    schedule.set("alive", [waiting("alive", "b")], 0);
    assert.deepEqual(names(turnsOf(schedule)), ["alive"]);
  });

  function openCircuitBy(turns: readonly Turn[], schedule: Schedule): void {
    for (const turn of turns) schedule.done(turn, "unreached", 0, { ...turn, due: FAR });
  }

  test("attempts that began before the circuit opened make it no longer", () => {
    const schedule = scheduleOf(times(6, (i) => waiting(String(i), "dead")));
    for (const turn of turnsOf(schedule)) schedule.done(turn, "unreached", 0);
    assert.equal(schedule.wakeAt(), 1000);
  });

  test("has what cannot wait any longer put off without an attempt", () => {
    const schedule = scheduleOf([]);
    openCircuit(schedule, "dead");
    schedule.set("patient", [waiting("patient", "dead")], 0);
    schedule.set("overdue", [waiting("overdue", "dead", { decideAt: 900, fresh: false })], 0);
    const [probe] = turnsOf(schedule, 1000);
    assert.equal(probe?.queueId, "patient");
    schedule.done(probe, "unreached", 1000, waiting("patient", "dead", { due: 9000 }));
    const put = turnsOf(schedule, 1000);
    assert.deepEqual(
      put.map(({ queueId, kind }) => [queueId, kind]),
      [["overdue", "put off"]],
    );
  });

  test("is tried at once when somebody asks for it", () => {
    const schedule = scheduleOf([]);
    openCircuit(schedule, "dead");
    schedule.set("x", [waiting("x", "dead", { due: 5000 })], 0);
    assert.deepEqual(turnsOf(schedule, 10), []);
    assert.equal(schedule.hurry("x", new Set(["other"]), 10), false);
    assert.equal(schedule.hurry("x", new Set(["dead"]), 10), true);
    assert.deepEqual(names(turnsOf(schedule, 10)), ["x"]);
  });
});

describe("messages", () => {
  test("one that is forgotten is not tried, and what is under way for it comes back to nothing", () => {
    const schedule = scheduleOf([]);
    schedule.set("m", [waiting("m", "a"), waiting("m", "b"), waiting("m", "c", { due: 9 })], 0);
    const turn = schedule.next(0);
    assert.ok(turn);
    schedule.forget("m");
    assert.equal(schedule.has("m"), false);
    assert.deepEqual(turnsOf(schedule, 10), []);
    schedule.done(turn, "reached", 10, waiting("m", "a"));
    assert.deepEqual(turnsOf(schedule, 10), []);
    assert.equal(schedule.underWay, 0);
  });

  test("one that is held is known, and not tried; released, it is, but not beside what is under way", () => {
    const schedule = scheduleOf([]);
    schedule.set("m", [waiting("m", "a"), waiting("m", "b")], 0);
    const turn = schedule.next(0);
    assert.ok(turn);
    schedule.set("m", [], 0);
    assert.equal(schedule.has("m"), true);
    assert.deepEqual(turnsOf(schedule), []);
    schedule.set("m", [waiting("m", "a"), waiting("m", "b")], 0);
    assert.deepEqual(
      turnsOf(schedule).map(({ destination }) => destination),
      ["b"],
    );
    schedule.done(turn, "reached", 0, waiting("m", "a"));
    assert.equal(turnsOf(schedule).length, 1);
  });
});

/** What may happen to a schedule. */
const event = fc.oneof(
  fc.record({
    kind: fc.constant("set" as const),
    message: fc.nat(15),
    destinations: fc.uniqueArray(fc.constantFrom("a", "b", "dead"), { maxLength: 3 }),
    due: fc.nat(5000),
    fresh: fc.boolean(),
  }),
  fc.record({ kind: fc.constant("forget" as const), message: fc.nat(15) }),
  fc.record({ kind: fc.constant("hurry" as const), message: fc.nat(15) }),
  fc.record({ kind: fc.constant("take" as const) }),
  fc.record({
    kind: fc.constant("done" as const),
    which: fc.nat(10),
    again: fc.boolean(),
    due: fc.nat(5000),
  }),
  fc.record({ kind: fc.constant("later" as const), by: fc.nat(3000) }),
);

test("whatever happens: nothing is lost, nothing is tried twice at once or before its time, and limits hold", () => {
  const limits = fc.record({
    atOnce: fc.integer({ min: 1, max: 6 }),
    perDestination: fc.integer({ min: 1, max: 4 }),
  });
  fc.assert(
    fc.property(limits, fc.array(event, { maxLength: 120 }), ({ atOnce, perDestination }, events) => {
      const schedule = new Schedule({ ...LIMITS, atOnce, perDestination });
      const model = new Map<string, Waiting>();
      const known = new Set<string>();
      let underWay: { turn: Turn; forgotten: boolean }[] = [];
      let now = 0;
      const key = (one: { queueId: string; destination: string }) => `${one.queueId} ${one.destination}`;
      const busy = (one: Waiting) =>
        underWay.some(({ turn, forgotten }) => !forgotten && key(turn) === key(one));
      const forget = (queueId: string) => {
        for (const [at, one] of model) if (one.queueId === queueId) model.delete(at);
      };
      const take = () => {
        const turn = schedule.next(now);
        if (turn === undefined) return false;
        const expected = model.get(key(turn));
        assert.ok(expected, "waits, and is not under way");
        assert.ok(expected.due <= now, "is due");
        assert.equal(turn.kind, "attempt");
        model.delete(key(turn));
        underWay.push({ turn, forgotten: false });
        assert.ok(underWay.length <= atOnce);
        const same = underWay.filter(({ turn: { destination } }) => destination === turn.destination);
        assert.ok(same.length <= perDestination);
        return true;
      };
      const end = (at: number, again: boolean, due: number) => {
        const [ended] = underWay.splice(at, 1);
        if (ended === undefined) return;
        const { turn, forgotten } = ended;
        const next = { ...turn, due: now + due, fresh: false };
        schedule.done(
          turn,
          turn.destination === "dead" ? "unreached" : "reached",
          now,
          again ? next : undefined,
        );
        if (again && !forgotten) model.set(key(next), next);
      };
      for (const one of events) {
        switch (one.kind) {
          case "set": {
            const queueId = String(one.message);
            const all = one.destinations.map((d) =>
              waiting(queueId, d, { due: now + one.due, fresh: one.fresh }),
            );
            schedule.set(queueId, all, now);
            known.add(queueId);
            forget(queueId);
            for (const w of all) if (!busy(w)) model.set(key(w), w);
            break;
          }
          case "forget":
            schedule.forget(String(one.message));
            known.delete(String(one.message));
            forget(String(one.message));
            for (const way of underWay) if (way.turn.queueId === String(one.message)) way.forgotten = true;
            break;
          case "hurry":
            schedule.hurry(String(one.message), new Set(["a", "b", "dead"]), now);
            for (const [at, w] of model)
              if (w.queueId === String(one.message)) model.set(at, { ...w, due: Math.min(w.due, now) });
            break;
          case "take":
            take();
            break;
          case "done":
            end(one.which, one.again, one.due);
            break;
          case "later":
            now += one.by;
        }
        assert.equal(schedule.underWay, underWay.length);
        assert.deepEqual(new Set(schedule.queueIds), known);
      }
      // Everything gets its turn in the end, woken only when the schedule says so.
      for (let steps = 0; model.size > 0 || underWay.length > 0; steps++) {
        assert.ok(steps < 10_000, `never tried: ${[...model.keys()]}`);
        while (take());
        if (underWay.length > 0) end(0, false, 0);
        else if (model.size > 0) {
          const wake = schedule.wakeAt();
          assert.ok(wake !== undefined && wake > now, "somebody is woken");
          now = wake;
        }
      }
      underWay = [];
      assert.deepEqual(turnsOf(schedule, now + 1e9), []);
    }),
    { numRuns: 500 },
  );
});
