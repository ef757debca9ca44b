/** Which messages and recipients an administrator means, and what comes of it. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { formatMailbox } from "../../../shared/address.js";
import { administer, type QueueAction } from "../../../smtpd/queue/administer.js";
import type { QueueEnvelope } from "../../../smtpd/queue/envelope.js";
import {
  parseDomainCriterion,
  parseSenderCriterion,
  type Selection,
  selectedRecipients,
} from "../../../smtpd/queue/selection.js";
import { envelope, recipient } from "./envelopes.js";

const NOW = 1_763_770_000_000;
const LATER = NOW + 600_000;
const ALL: Selection = { kind: "all" };

function matching(criteria: Partial<Exclude<Selection, { kind: "all" }>>): Selection {
  return { queueIds: [], recipients: [], domains: [], senders: [], ...criteria, kind: "matching" };
}

describe("selection", () => {
  const one = envelope(["bob@a.example", "carol@b.example"]);
  for (const [name, selection, expected] of [
    ["all", ALL, ["bob@a.example", "carol@b.example"]],
    ["its queue id", matching({ queueIds: [one.queueId] }), ["bob@a.example", "carol@b.example"]],
    ["another queue id", matching({ queueIds: ["01JDXK6M2W9QF1"] }), []],
    ["a recipient", matching({ recipients: ["bob@a.example"] }), ["bob@a.example"]],
    ["a domain", matching({ domains: ["b.example", "c.example"] }), ["carol@b.example"]],
    ["the sender", matching({ senders: ["alice@example.org"] }), ["bob@a.example", "carol@b.example"]],
    ["the null sender", matching({ senders: [""] }), []],
    ["a domain of another sender", matching({ domains: ["b.example"], senders: ["x@example.org"] }), []],
    [
      "a recipient in another domain",
      matching({ domains: ["b.example"], recipients: ["bob@a.example"] }),
      [],
    ],
  ] as const) {
    test(name, () => {
      const selected = selectedRecipients(selection, one).map(({ forwardPath }) =>
        formatMailbox(forwardPath),
      );
      assert.deepEqual(selected, expected);
    });
  }

  test("a message without a reverse-path has the null sender", () => {
    const bounce = envelope(["bob@a.example"], { reversePath: undefined });
    assert.equal(selectedRecipients(matching({ senders: [""] }), bounce).length, 1);
  });

  test("what is typed is compared in its canonical form", () => {
    assert.equal(parseDomainCriterion("@MÜNCHEN.example"), "xn--mnchen-3ya.example");
    assert.equal(parseDomainCriterion("not a domain"), undefined);
    assert.equal(parseSenderCriterion("<>"), "");
    assert.equal(parseSenderCriterion("Alice@Example.ORG"), "alice@example.org");
    assert.equal(parseSenderCriterion("alice"), undefined);
  });
});

describe("actions", () => {
  const waiting = recipient("bob@a.example", { nextAttempt: LATER, attempts: 2 });
  const due = recipient("carol@b.example", { nextAttempt: NOW - 1 });

  test("flush makes what waits due, and leaves alone what is not meant", () => {
    const other = recipient("dave@c.example", { nextAttempt: LATER });
    const after = changed(
      "flush",
      envelope([waiting, due, other]),
      matching({ domains: ["a.example", "b.example"] }),
    );
    assert.deepEqual(
      after.envelope.recipients.map(({ nextAttempt }) => nextAttempt),
      [NOW, NOW - 1, LATER],
    );
    assert.equal(after.recipients, 1);
    assert.equal(after.envelope.recipients[0]?.attempts, 2);
  });

  test("flush leaves a held message held, and one that is due untouched", () => {
    for (const one of [envelope([waiting], { held: true }), envelope([due])])
      assert.deepEqual(administer("flush", ALL, one, NOW), { kind: "untouched", selected: true });
  });

  test("hold and release are each other's inverse, and done once", () => {
    const held = changed("hold", envelope([waiting, due])).envelope;
    assert.equal(held.held, true);
    assert.equal(administer("hold", ALL, held, NOW).kind, "untouched");
    assert.deepEqual(changed("release", held).envelope, envelope([waiting, due]));
  });

  test("remove takes off whom it names, and the message with the last of them", () => {
    const named = matching({ recipients: ["bob@a.example"] });
    const left = changed("remove", envelope([waiting, due]), named);
    assert.deepEqual(left.envelope.recipients, [due]);
    assert.equal(left.recipients, 1);
    assert.deepEqual(administer("remove", named, envelope([waiting]), NOW), {
      kind: "removed",
      recipients: 1,
    });
    assert.deepEqual(administer("remove", ALL, envelope([waiting, due]), NOW), {
      kind: "removed",
      recipients: 2,
    });
  });

  test("a message that is not meant stays as it is", () => {
    for (const action of ["flush", "hold", "release", "remove"] as const) {
      const result = administer(action, matching({ domains: ["z.example"] }), envelope([waiting, due]), NOW);
      assert.deepEqual(result, { kind: "untouched", selected: false });
    }
  });
});

function changed(action: QueueAction, one: QueueEnvelope, selection: Selection = ALL) {
  const result = administer(action, selection, one, NOW);
  assert.ok(result.kind === "changed");
  return result;
}
