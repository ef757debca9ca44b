/**
 * What reads octets of strangers, on its stored corpus as it is, and for a bounded time on mutants of it.
 *
 * PILLARBOX_FUZZ_SECONDS is the time for each target, 2 by default; PILLARBOX_FUZZ_SEED makes a run again.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { corpora, corpusOf } from "./corpus.js";
import { report, search, tryInput } from "./fuzzer.js";
import { TARGETS } from "./targets.js";

const { PILLARBOX_FUZZ_SECONDS: seconds = "2", PILLARBOX_FUZZ_SEED: seed = String(Date.now() % 2 ** 32) } =
  process.env;

for (const target of TARGETS) {
  describe(target.name, () => {
    const corpus = corpusOf(target.name);
    for (const { name, octets } of corpus) {
      test(name, () => {
        const found = tryInput(target, octets);
        if (found !== undefined) assert.fail(report(target, found));
      });
    }

    test("mutants", (t) => {
      t.diagnostic(`seed ${seed}`);
      const inputs = corpus.map(({ octets }) => octets);
      const milliseconds = Number(seconds) * 1000;
      const { runs, found } = search(target, inputs, { seed: Number(seed), milliseconds });
      t.diagnostic(`${runs} inputs`);
      if (found !== undefined) assert.fail(`seed ${seed}\n${report(target, found)}`);
    });
  });
}

test("no corpus is without its target", () => {
  assert.deepEqual(corpora(), TARGETS.map(({ name }) => name).sort());
});
