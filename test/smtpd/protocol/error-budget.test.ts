/** What errors cost. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DELAY_MS_MAX, ErrorBudget, IDLE_COMMANDS_MAX } from "../../../smtpd/protocol/error-budget.js";

describe("error budget", () => {
  test("the first half is free, then each waits longer, and the last one ends it", () => {
    const budget = new ErrorBudget({ errors: 6, delayMs: 100 });
    const prices = Array.from({ length: 6 }, () => budget.error());
    assert.deepEqual(
      prices.map(({ delayMs }) => delayMs),
      [0, 0, 0, 100, 200, 300],
    );
    assert.deepEqual(
      prices.map(({ spent }) => spent),
      [false, false, false, false, false, true],
    );
    assert.equal(budget.errors, 6);
  });

  test("no wait is longer than the longest", () => {
    const budget = new ErrorBudget({ errors: 1000, delayMs: 1000 });
    const prices = Array.from({ length: 999 }, () => budget.error());
    assert.equal(Math.max(...prices.map(({ delayMs }) => delayMs)), DELAY_MS_MAX);
  });

  test("a hundred idle commands are free between two messages", () => {
    const budget = new ErrorBudget({ errors: 2, delayMs: 0 });
    const many = () => Array.from({ length: IDLE_COMMANDS_MAX }, () => budget.idleCommand());
    assert.ok(many().every((price) => price === undefined));
    budget.progress();
    assert.ok(many().every((price) => price === undefined));
    assert.equal(budget.idleCommand()?.spent, false);
    assert.equal(budget.idleCommand()?.spent, true);
  });
});
