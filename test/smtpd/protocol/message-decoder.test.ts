/** The decoder of messages against a naive one that sees the whole message at once. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  type DecoderOptions,
  MessageDecoder,
  type Violation,
} from "../../../smtpd/protocol/message-decoder.js";

const ROOMY: DecoderOptions = { stuffed: true, bareLf: "normalize", lineLength: 1000, messageSize: 100_000 };
const END = "\r\n.\r\n";

const NONE: readonly (Violation | undefined)[] = [undefined];

interface Result {
  readonly content: string | undefined;
  readonly rest: string | undefined;
  readonly violation: Violation | undefined;
  readonly size: number;
}

/** Feeds the pieces one after the other; after the end, the rest and all further pieces are the rest. */
function decode(pieces: readonly Buffer[], options = ROOMY): Result {
  const decoder = new MessageDecoder(options);
  let content = "";
  let rest: string | undefined;
  for (const piece of pieces) {
    if (rest !== undefined) {
      rest += piece.toString("latin1");
      continue;
    }
    const decoded = decoder.decode(Buffer.from(piece));
    content += decoded.octets.toString("latin1");
    rest = decoded.rest?.toString("latin1");
  }
  const { violation, size } = decoder;
  return { content: violation === undefined ? content : undefined, rest, violation, size };
}

function decodeText(text: string, options = ROOMY): Result {
  return decode([Buffer.from(text, "latin1")], options);
}

/**
 * The same, by looking at all of it. Two things may be wrong in the same place; which of them is told is of no account.
 */
function naively(text: string, { stuffed, bareLf, lineLength, messageSize }: DecoderOptions) {
  // DATA's own line end is the CRLF before the first line.
  const all = `\r\n${text}`;
  const end = stuffed ? all.indexOf(END) : -1;
  const wire = end < 0 ? text : all.slice(2, end + 2);
  const lines: string[] = [];
  const found: { kind: Violation; at: number }[] = [];
  let size = 0;
  for (const line of wire.split(/(?<=\r\n)/)) {
    const unstuffed = stuffed && line.startsWith(".") ? line.slice(1) : line;
    for (const piece of unstuffed.split(/(?<=\n)/)) {
      const content = piece.replace(/\r?\n$/, "");
      const ended = piece.endsWith("\n");
      const bareCr = content.indexOf("\r");
      if (bareCr >= 0) found.push({ kind: "bare CR", at: size + bareCr });
      const nul = content.indexOf("\0");
      if (nul >= 0) found.push({ kind: "NUL", at: size + nul });
      if (bareLf === "refuse" && /(?<!\r)\n$/.test(piece))
        found.push({ kind: "bare LF", at: size + content.length });
      if (content.length + (ended ? 2 : 0) > lineLength)
        found.push({ kind: "line too long", at: size + lineLength });
      size += content.length + (ended ? 2 : 0);
      lines.push(ended ? `${content}\n` : content);
    }
  }
  if (size > messageSize) found.push({ kind: "message too big", at: messageSize });
  const first = Math.min(...found.map(({ at }) => at));
  return {
    content: found.length > 0 ? undefined : lines.join(""),
    rest: end < 0 ? undefined : all.slice(end + END.length),
    violations: found.length > 0 ? found.filter(({ at }) => at === first).map(({ kind }) => kind) : NONE,
    size,
  };
}

const wireText = fc
  .array(
    fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom("\r", "\n", ".", "a", "\r\n", "\r\n.", "..", "bc") },
      { weight: 1, arbitrary: fc.constantFrom("\0", "\xff", "\t", " ", "\x0b", "x".repeat(20)) },
    ),
    { maxLength: 40 },
  )
  .map((parts) => parts.join(""));

/** Cuts a text at these places. */
function cut(text: string, places: readonly number[]): Buffer[] {
  const octets = Buffer.from(text, "latin1");
  const ends = [...places.map((place) => place % (octets.length + 1)), octets.length].sort((a, b) => a - b);
  return ends.map((end, i) => octets.subarray(i === 0 ? 0 : ends[i - 1], end));
}

describe("after DATA", () => {
  const options = fc.record({
    stuffed: fc.constant(true),
    bareLf: fc.constantFrom("normalize" as const, "refuse" as const),
    lineLength: fc.constantFrom(5, 12, 1000),
    messageSize: fc.constantFrom(10, 30, 100_000),
  });

  test("any octets, cut anywhere, give what a look at the whole gives", () => {
    fc.assert(
      fc.property(wireText, fc.array(fc.nat(200), { maxLength: 12 }), options, (text, places, chosen) => {
        const whole = `${text}${END}QUIT\r\n`;
        const expected = naively(whole, chosen);
        const result = decode(cut(whole, places), chosen);
        const { violations, ...rest } = expected;
        assert.ok(
          violations.some((kind) => kind === result.violation),
          `${result.violation}, not ${violations}`,
        );
        assert.deepEqual({ ...result, violation: 0 }, { ...rest, violation: 0 });
      }),
      { numRuns: 3000 },
    );
  });

  test("octet by octet is the same as at once", () => {
    fc.assert(
      fc.property(wireText, options, (text, chosen) => {
        const octets = Buffer.from(`${text}${END}rest`, "latin1");
        const single = Array.from(octets, (octet) => Buffer.of(octet));
        assert.deepEqual(decode(single, chosen), decode([octets], chosen));
      }),
      { numRuns: 1000 },
    );
  });

  test("what was stuffed comes out as it was", () => {
    const line = fc.string({ unit: fc.constantFrom(".", "a", "\xe9", " "), maxLength: 8 });
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        const wire = lines.map((text) => `${text.startsWith(".") ? "." : ""}${text}\r\n`).join("");
        const { content, rest } = decodeText(`${wire}.\r\n`);
        assert.deepEqual({ content, rest }, { content: lines.map((text) => `${text}\n`).join(""), rest: "" });
      }),
    );
  });

  for (const [name, wire, content] of [
    ["an empty message", ".\r\n", ""],
    ["a message of one empty line", "\r\n.\r\n", "\n"],
    ["a stuffed dot", "..\r\n.\r\n", ".\n"],
    ["a dot before something else", ".c\r\n.\r\n", "c\n"],
    ["dots that are not first", "a.\r\n.\r\n", "a.\n"],
    ["a line of dots after a bare LF keeps them all", "a\n..b\r\n.\r\n", "a\n..b\n"],
    ["a stuffed dot and a bare LF", "a\r\n.\nb\r\n.\r\n", "a\n\nb\n"],
    ["8-bit octets", "\xe9\xff\r\n.\r\n", "\xe9\xff\n"],
  ] as const) {
    test(name, () =>
      assert.deepEqual(decodeText(wire), { ...decodeText(wire), content, violation: undefined, rest: "" }),
    );
  }

  for (const [name, wire, violation] of [
    ["bare CR", "a\rb\r\n.\r\n", "bare CR"],
    ["CR CR LF", "a\r\r\n.\r\n", "bare CR"],
    ["NUL", "a\0b\r\n.\r\n", "NUL"],
    ["the first of two", "a\0b\rc\r\n.\r\n", "NUL"],
    ["the first of two, the other way", "a\rb\0c\r\n.\r\n", "bare CR"],
    ["a dot and a bare CR", "a\r\n.\rb\r\n.\r\n", "bare CR"],
  ] as const) {
    test(`refused: ${name}`, () => {
      const result = decodeText(`${wire}QUIT`);
      assert.deepEqual([result.violation, result.rest], [violation, "QUIT"]);
    });
  }

  test("limits are what is still allowed", () => {
    const limits: DecoderOptions = { stuffed: true, bareLf: "normalize", lineLength: 6, messageSize: 12 };
    const at = (wire: string) => decodeText(wire, limits).violation;
    assert.equal(at("abcd\r\nabcd\r\n.\r\n"), undefined);
    assert.equal(at("..bcd\r\n.\r\n"), undefined, "a stuffed dot does not count");
    assert.equal(at("abcde\r\n.\r\n"), "line too long");
    assert.equal(at("abcd\r\nabc\r\na\r\n.\r\n"), "message too big");
    assert.equal(
      at("abcd\nab\n\n.\r\n.\r\n"),
      "message too big",
      "a bare LF counts as the line end that it becomes",
    );
  });

  test("after a violation nothing is handed on", () => {
    const decoder = new MessageDecoder(ROOMY);
    assert.equal(decoder.decode(Buffer.from("ab\r")).octets.toString(), "ab");
    assert.equal(decoder.decode(Buffer.from("cd")).octets.length, 0);
    assert.equal(decoder.decode(Buffer.from("ef\r\n.\r\n")).rest?.length, 0);
  });
});

describe("within BDAT", () => {
  const counted: DecoderOptions = { ...ROOMY, stuffed: false };
  const options = fc.record({
    stuffed: fc.constant(false),
    bareLf: fc.constantFrom("normalize" as const, "refuse" as const),
    lineLength: fc.constantFrom(5, 12, 1000),
    messageSize: fc.constantFrom(10, 30, 100_000),
  });

  /** Feeds the pieces, and says that they were all. */
  function decodeAll(pieces: readonly Buffer[], chosen = counted) {
    const decoder = new MessageDecoder(chosen);
    const decoded = pieces.map((piece) => decoder.decode(Buffer.from(piece)));
    assert.ok(decoded.every(({ rest }) => rest === undefined));
    const { size } = decoder;
    const content = Buffer.concat([...decoded.map(({ octets }) => octets), decoder.end()]).toString("latin1");
    const { violation } = decoder;
    return { content: violation === undefined ? content : undefined, violation, size };
  }

  test("any octets, cut anywhere, give what a look at the whole gives", () => {
    fc.assert(
      fc.property(wireText, fc.array(fc.nat(200), { maxLength: 12 }), options, (text, places, chosen) => {
        const { violations, content, size } = naively(text, chosen);
        const result = decodeAll(cut(text, places), chosen);
        assert.ok(
          violations.some((kind) => kind === result.violation),
          `${result.violation}, not ${violations}`,
        );
        const ended = content === undefined || content === "" ? content : content.replace(/\n?$/, "\n");
        // A CR at the very end counts as the octet that it is only once it is known to be bare.
        const uncounted = text.endsWith("\r") ? 1 : 0;
        assert.deepEqual([result.content, result.size], [ended, size - uncounted]);
      }),
      { numRuns: 3000 },
    );
  });

  for (const [name, wire, content] of [
    ["nothing", "", ""],
    ["dots", ".\r\n..\r\n.", ".\n..\n.\n"],
    ["what ends DATA", "a\r\n.\r\nQUIT\r\n", "a\n.\nQUIT\n"],
    ["a last line without its end", "a\r\nb", "a\nb\n"],
    ["a bare LF at the end", "a\n", "a\n"],
    ["an empty line", "\r\n", "\n"],
  ] as const) {
    test(name, () => assert.equal(decodeAll([Buffer.from(wire)]).content, content));
  }

  for (const [name, wire, violation] of [
    ["a CR at the end", "a\r", "bare CR"],
    ["a bare CR", "a\rb", "bare CR"],
    ["a dot and a bare CR", "\r\n.\rb", "bare CR"],
    ["NUL", "\0", "NUL"],
  ] as const) {
    test(`refused: ${name}`, () => assert.equal(decodeAll([Buffer.from(wire)]).violation, violation));
  }
});
