/**
 * The fuzzer, for people.
 *
 *     node dist/test/fuzz/main.js [target]… [--seconds N] [--seed N]    looks for inputs that break a target
 *     node dist/test/fuzz/main.js target --input FILE                  runs one input
 *
 * Each target has N seconds, 60 by default. Exits with 1 when one is broken.
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { corpusOf } from "./corpus.js";
import { type Find, report, search, tryInput } from "./fuzzer.js";
import type { Target } from "./target.js";
import { TARGETS } from "./targets.js";

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: "string", default: "60" },
    seed: { type: "string", default: String(Date.now() % 2 ** 32) },
    input: { type: "string" },
  },
});
const names = TARGETS.map(({ name }) => name);
const unknown = positionals.filter((name) => !names.includes(name));
if (unknown.length > 0 || !/^\d+$/.test(`${values.seconds}${values.seed}`)) {
  console.error(`targets: ${names.join(" ")}; --seconds and --seed take whole numbers`);
  process.exit(64);
}
for (const target of TARGETS) {
  if (positionals.length > 0 && !positionals.includes(target.name)) continue;
  const found = values.input === undefined ? searched(target) : tryInput(target, readFileSync(values.input));
  if (found === undefined) continue;
  console.log(report(target, found));
  process.exitCode = 1;
}

function searched(target: Target): Find | undefined {
  const [seed, milliseconds] = [Number(values.seed), Number(values.seconds) * 1000];
  console.log(`${target.name}: seed ${seed}`);
  const corpus = corpusOf(target.name).map(({ octets }) => octets);
  const { runs, found } = search(target, corpus, { seed, milliseconds });
  console.log(`${target.name}: ${runs} inputs`);
  return found;
}
