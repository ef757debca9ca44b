import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { QueuedRecipient, QueueEnvelope, Trouble } from "../../../smtpd/queue/envelope.js";
import { decideAt, type Fate, type Policy, progress } from "../../../smtpd/queue/progress.js";
import { envelope, recipient } from "./envelopes.js";

const HOUR = 3_600_000;
const POLICY: Policy = { intervals: [HOUR], lifetime: 10 * HOUR, delayWarning: 4 * HOUR };
const ARRIVED = envelope([]).arrivedAt;
const TROUBLE: Trouble = { status: "4.4.1", text: "no answer", host: "mx.example.net", reply: undefined };
const REPLY = { code: 250, status: "2.0.0", lines: ["queued"] };

type Notify = QueuedRecipient["notify"];
const NOTIFIES: readonly Notify[] = [
  undefined,
  [],
  ["SUCCESS"],
  ["FAILURE"],
  ["DELAY"],
  ["SUCCESS", "FAILURE", "DELAY"],
];

const deferred: Fate = { kind: "deferred", trouble: TROUBLE };
const failed: Fate = { kind: "failed", trouble: { ...TROUBLE, status: "5.1.1" } };
const success = (kind: "delivered" | "relayed" | "passed on"): Fate => ({ kind, host: "mx", reply: REPLY });

/** What one fate of the only recipient makes of an envelope, hours after it arrived. */
function after(
  fate: Fate,
  hours: number,
  one: Partial<QueuedRecipient> = {},
  rest: Partial<QueueEnvelope> = {},
) {
  const bob = recipient("bob@example.net", one);
  const before = envelope([bob], rest);
  let made = 0;
  return progress(before, new Map([[bob, fate]]), ARRIVED + hours * HOUR, POLICY, () => `notice ${++made}`)
    .envelope;
}

const actions = ({ owed }: QueueEnvelope) => owed.map(({ action }) => action);

describe("who is told", () => {
  const rows: readonly (readonly [string, Fate, number, readonly (string | undefined)[]])[] = [
    // By NOTIFY:                                    unsaid     never  SUCCESS  FAILURE  DELAY  all
    [
      "delivered",
      success("delivered"),
      0,
      [undefined, undefined, "delivered", undefined, undefined, "delivered"],
    ],
    ["relayed", success("relayed"), 0, [undefined, undefined, "relayed", undefined, undefined, "relayed"]],
    ["passed on", success("passed on"), 0, Array(6).fill(undefined)],
    ["failed", failed, 0, ["failed", undefined, undefined, "failed", undefined, "failed"]],
    ["deferred, soon", deferred, 1, Array(6).fill(undefined)],
    ["deferred, late", deferred, 4, ["delayed", undefined, undefined, undefined, "delayed", "delayed"]],
    [
      "put off, late",
      { ...deferred, kind: "put off" },
      4,
      ["delayed", undefined, undefined, undefined, "delayed", "delayed"],
    ],
    ["expired", deferred, 10, ["failed", undefined, undefined, "failed", undefined, "failed"]],
  ];
  for (const [what, fate, hours, told] of rows) {
    for (const [i, notify] of NOTIFIES.entries()) {
      test(`${what}, NOTIFY=${notify?.join() ?? "unsaid"}: ${told[i] ?? "nobody"}`, () => {
        const made = after(fate, hours, { notify });
        assert.deepEqual(actions(made), told[i] === undefined ? [] : [told[i]]);
        assert.equal(
          made.recipients.length,
          what.startsWith("deferred") || what.startsWith("put off") ? 1 : 0,
        );
      });
    }
  }

  test("a delay is told once", () => {
    const once = after(deferred, 5);
    assert.equal(once.recipients[0]?.delayTold, true);
    assert.deepEqual(actions(after(deferred, 6, once.recipients[0])), []);
    assert.deepEqual(actions(after(deferred, 10, once.recipients[0])), ["failed"]);
  });

  test("nobody is told of a null reverse-path's delay or success; its failure is for others to decide", () => {
    const nobody = { reversePath: undefined };
    assert.deepEqual(actions(after(deferred, 5, {}, nobody)), []);
    assert.deepEqual(actions(after(success("delivered"), 0, { notify: ["SUCCESS"] }, nobody)), []);
    assert.deepEqual(actions(after(failed, 0, {}, nobody)), ["failed"]);
  });

  test("no delay is told where it is configured so", () => {
    const bob = recipient("bob@example.net");
    const never = { ...POLICY, delayWarning: 0 };
    const made = progress(envelope([bob]), new Map([[bob, deferred]]), ARRIVED + 5 * HOUR, never, () => "n");
    assert.deepEqual(made.envelope.owed, []);
    assert.equal(decideAt(envelope([bob]), bob, never), ARRIVED + 10 * HOUR);
  });
});

test("a deferred recipient has one attempt more, its next one, and what was met", () => {
  const [bob] = after(deferred, 1, { attempts: 2 }).recipients;
  assert.equal(bob?.attempts, 3);
  assert.deepEqual(bob?.trouble, TROUBLE);
  assert.ok(bob.nextAttempt >= ARRIVED + 2 * HOUR && bob.nextAttempt <= ARRIVED + 2.2 * HOUR);
  const [off] = after({ ...deferred, kind: "put off" }, 1, { attempts: 2 }).recipients;
  assert.equal(off?.attempts, 2);
});

test("RFC 3463: what has expired failed with 5.4.7, and the notice has what was met last", () => {
  const [notice] = after(deferred, 10).owed;
  assert.equal(notice?.reports[0]?.status, "5.4.7");
  assert.equal(notice?.reports[0]?.host, TROUBLE.host);
  assert.ok(notice?.reports[0]?.text.includes(TROUBLE.text));
  const [late] = after(deferred, 5).owed;
  assert.equal(late?.reports[0]?.willRetryUntil, ARRIVED + 10 * HOUR);
  assert.equal(late?.reports[0]?.status, "4.4.1");
});

test("one notice for each action, with a report on each recipient, and owed ones stay", () => {
  const [a, b, c, d, e] = ["a", "b", "c", "d", "e"].map((name) => recipient(`${name}@example.net`));
  assert.ok(a && b && c && d && e);
  const before = {
    ...envelope([a, b, c, d, e]),
    owed: [{ queueId: "old", action: "failed" as const, reports: [] }],
  };
  const fates = new Map([
    [a, failed],
    [b, deferred],
    [c, failed],
    [d, success("passed on")],
  ]);
  let made = 0;
  const { envelope: next, steps } = progress(
    before,
    fates,
    ARRIVED + 5 * HOUR,
    POLICY,
    () => `notice ${++made}`,
  );
  assert.deepEqual(
    next.owed.map(({ queueId, action, reports }) => [
      queueId,
      action,
      reports.map((one) => one.forwardPath.localPart),
    ]),
    [
      ["old", "failed", []],
      ["notice 1", "failed", ["a", "c"]],
      ["notice 2", "delayed", ["b"]],
    ],
  );
  assert.deepEqual(
    next.recipients.map(({ forwardPath }) => forwardPath.localPart),
    ["b", "e"],
  );
  assert.equal(next.recipients[1], e);
  assert.deepEqual(
    steps.map(({ before: one }) => one),
    [a, b, c, d],
  );
});

test("results that come one after the other lose nothing of each other, and those for nobody change nothing", () => {
  const [a, b, c] = ["a", "b", "c"].map((name) => recipient(`${name}@example.net`));
  assert.ok(a && b && c);
  const at = ARRIVED + HOUR;
  const first = progress(envelope([a, b, c]), new Map([[a, deferred]]), at, POLICY, () => "n").envelope;
  const second = progress(first, new Map([[b, success("delivered")]]), at, POLICY, () => "n").envelope;
  assert.deepEqual(
    second.recipients.map(({ attempts }) => attempts),
    [1, 0],
  );
  const third = progress(second, new Map([[b, failed]]), at, POLICY, () => "n");
  assert.equal(third.envelope, second);
  assert.deepEqual(third.steps, []);
});

test("decideAt: until the delay is told, then until the end", () => {
  const bob = recipient("bob@example.net");
  assert.equal(decideAt(envelope([bob]), bob, POLICY), ARRIVED + 4 * HOUR);
  assert.equal(decideAt(envelope([bob]), { ...bob, delayTold: true }, POLICY), ARRIVED + 10 * HOUR);
  assert.equal(decideAt(envelope([bob]), { ...bob, notify: [] }, POLICY), ARRIVED + 10 * HOUR);
  assert.equal(decideAt(envelope([bob], { reversePath: undefined }), bob, POLICY), ARRIVED + 10 * HOUR);
});
