/** The file maildirsize, which other programs write, too: no sum of it is less than nothing, and a change changes it by itself. */
import assert from "node:assert/strict";
import { AMOUNT_MAX, formatDefinition, isWithin, parseDefinition } from "../../../shared/maildir/quota.js";
import {
  formatChange,
  formatLines,
  isDoubtful,
  MAILDIRSIZE_OCTETS_MAX,
  parseLines,
} from "../../../shared/maildir/quota-lines.js";
import type { Target } from "../target.js";

const CHANGE = { octets: 7, messages: 1 };

export const maildirsize: Target = {
  name: "maildirsize",
  tokens: [
    "1000S,10C\n",
    "0S\n",
    "5 1\n",
    "-5 -1\n",
    "           5            1\n",
    "9".repeat(15),
    "\n\n",
    "S",
    "C",
  ],
  check: (octets) => {
    const read = parseLines(octets.subarray(0, MAILDIRSIZE_OCTETS_MAX));
    const { quota, usage, manner } = read;
    if (quota !== undefined) {
      assert.deepEqual(parseDefinition(formatDefinition(quota)), quota);
      for (const limit of [quota.octets, quota.messages])
        assert.ok(limit === undefined || (Number.isSafeInteger(limit) && limit > 0));
    }
    if (usage === undefined) {
      if (quota !== undefined) assert.ok(isDoubtful(read, quota, CHANGE, 0));
      return;
    }
    for (const amount of [usage.octets, usage.messages])
      assert.ok(Number.isSafeInteger(amount) && amount >= 0);
    const changed = Buffer.concat([octets, Buffer.from(formatChange(CHANGE))]);
    const more = parseLines(changed.subarray(0, MAILDIRSIZE_OCTETS_MAX)).usage;
    const sum = { octets: usage.octets + CHANGE.octets, messages: usage.messages + CHANGE.messages };
    if (more === undefined)
      assert.ok(
        changed.length >= MAILDIRSIZE_OCTETS_MAX || !isWithin(sum, AMOUNT_MAX),
        "a change makes no nonsense",
      );
    else assert.deepEqual(more, sum);
    if (quota === undefined) return;
    const again = parseLines(Buffer.from(formatLines(quota, usage, manner)));
    assert.deepEqual(again, { quota, manner, usage, lines: 1 });
  },
};
