/**
 * Every transcript, run against the pure session in pieces of every size, and against the daemon over TCP and TLS: line
 * by line, all at once, and an octet at a time. The daemon must send the same lines whichever way.
 */
import { after, describe, test } from "node:test";
import { transcripts } from "./transcript.js";
import { makesSense, runPurely, TranscriptDaemons, WAYS } from "./transcript-runs.js";

const RUNNING_MS_MAX = 30_000;
const PIECE_OCTETS_MAX = 64;
const cases = transcripts();

describe("the pure session", () => {
  for (const transcript of cases) test(transcript.name, () => runPurely(transcript, PIECE_OCTETS_MAX));
});

describe("the daemon", () => {
  const daemons = new TranscriptDaemons();
  after(() => daemons.end());

  for (const transcript of cases) {
    for (const way of WAYS.filter((way) => makesSense(transcript, way))) {
      test(`${transcript.name} (${way.name})`, { timeout: RUNNING_MS_MAX }, () =>
        daemons.run(transcript, way),
      );
    }
  }
});
