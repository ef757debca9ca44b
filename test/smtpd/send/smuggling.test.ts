/**
 * SMTP smuggling as a sender: whatever is in a stored message, the octets that leave have one end, and nothing that any
 * host has been seen to take for one. Messages of ours cannot hold most of this; files that other programs put into the
 * queue can.
 */
import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { describe, test } from "node:test";
import fc from "fast-check";
import { WireForm } from "../../../shared/wire-form.js";
import { Sink } from "../../fakes/sink.js";
import { FALSE_ENDS, TRUE_END } from "../false-ends.js";
import { dispositions, hopTo, NEVER, transaction, transportFor } from "./sending.js";

const SMUGGLED = "MAIL FROM:<smuggled@example.org>\r\nRCPT TO:<b@example.net>\r\nDATA\r\nsmuggled\r\n";

/** One of each cut of the message into two chunks, and the whole. */
function* cuts(octets: Buffer): Generator<Buffer[]> {
  yield [octets];
  for (let at = 1; at < octets.length; at++) yield [octets.subarray(0, at), octets.subarray(at)];
}

describe("what is sent has one end", () => {
  for (const end of [...FALSE_ENDS, TRUE_END]) {
    test(JSON.stringify(end), async (t) => {
      const sink = await Sink.start(t);
      const transport = transportFor(t);
      for (const stored of [
        `a: b\n\nfirst${end}${SMUGGLED}`,
        `${end.slice(1)}${SMUGGLED}`,
        `a: b\n\nlast${end}`,
      ]) {
        const before = sink.messages.length;
        const result = await transport.send(hopTo(sink), transaction({ stored }), NEVER);
        assert.deepEqual(dispositions(result), ["delivered 2.0.0"]);
        assert.equal(sink.messages.length, before + 1);
        assertHarmless(sink.messages.at(-1)?.octets.toString("latin1") ?? "");
      }
      assert.ok(!sink.commands.some((command) => command.includes("smuggled")));
      assert.equal(sink.connections.length, 1, "nobody lost count of the replies");
    });
  }
});

test("in any cut into chunks, and in a message of many pieces", async (t) => {
  const sink = await Sink.start(t);
  const transport = transportFor(t);
  const stored = Buffer.from(`a: b\n\n${[...FALSE_ENDS, TRUE_END].join("x")}`);
  const whole = convert([stored]);
  for (const chunks of cuts(stored)) assert.equal(convert(chunks), whole);
  const message = transaction();
  const long = Buffer.alloc(65_535 - stored.length, "y");
  // The last octet that is read in one go falls on each of those that matter.
  for (let shift = 0; shift < stored.length; shift++) {
    const open = async () => Readable.from([long, stored.subarray(0, shift), stored.subarray(shift), long]);
    await transport.send(hopTo(sink), { ...message, message: { ...message.message, open } }, NEVER);
    assertHarmless(sink.messages.at(-1)?.octets.toString("latin1") ?? "");
  }
  assert.equal(sink.messages.length, stored.length);
});

test("any octets, in any cut", () => {
  const piece = fc.oneof(
    fc.constantFrom("\r", "\n", ".", "\0", "a", "\r\n", "\xff"),
    fc.string({ maxLength: 3 }),
  );
  fc.assert(
    fc.property(fc.array(fc.array(piece, { maxLength: 8 })), (chunks) => {
      const pieces = chunks.map((chunk) => Buffer.from(chunk.join(""), "latin1"));
      const sent = convert(pieces);
      assert.equal(sent, naive(Buffer.concat(pieces).toString("latin1")));
      assertHarmless(sent);
      for (const one of pieces)
        assert.ok(new WireForm({ strict: true }).convert(one).length <= WireForm.lengthMax(one.length));
    }),
    { numRuns: 2000 },
  );
});

function convert(pieces: readonly Buffer[]): string {
  const form = new WireForm({ strict: true });
  // A copy: what is given may change with the next call.
  const sent = pieces.map((piece) => Buffer.from(form.convert(piece)));
  return Buffer.concat([...sent, form.end()]).toString("latin1");
}

/** The same, slowly: line ends first, then dots. */
function naive(stored: string): string {
  const lines = stored
    .replaceAll("\0", "")
    .replace(/\r\n|\r|\n/g, "\r\n")
    .split("\r\n");
  const stuffed = lines.map((line) => (line.startsWith(".") ? `.${line}` : line)).join("\r\n");
  return stuffed === "" || stuffed.endsWith("\r\n") ? `${stuffed}.\r\n` : `${stuffed}\r\n.\r\n`;
}

function assertHarmless(sent: string): void {
  assert.ok(sent.endsWith(".\r\n"));
  assert.doesNotMatch(sent, /\r(?!\n)|(?<!\r)\n|\0/);
  // However line ends are read, and whatever is dropped, a line of one dot is there once.
  const lines = `\r\n${sent}`.split(/[\r\n]+/).filter((line) => line.replaceAll("\0", "") === ".");
  assert.equal(lines.length, 1);
}
