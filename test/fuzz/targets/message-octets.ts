/**
 * The octets of a message, after DATA and within BDAT: no cut of them changes what comes of it, and what is handed on has
 * lines that end in LF, and neither CR nor NUL. A message that is refused is read to the same end as any.
 */
import assert from "node:assert/strict";
import { type DecoderOptions, MessageDecoder } from "../../../smtpd/protocol/message-decoder.js";
import { inPieces, type Target } from "../target.js";

const SITES: readonly DecoderOptions[] = [true, false].flatMap((stuffed) => [
  { stuffed, bareLf: "normalize", lineLength: 1000, messageSize: 100_000 },
  { stuffed, bareLf: "refuse", lineLength: 20, messageSize: 200 },
]);

export const messageOctets: Target = {
  name: "message-octets",
  tokens: ["\r\n.\r\n", "\n.\n", "\r.\r", "\r\n..\r\n", "\r\n.", "\r", "\n", "\0", ".", "x".repeat(30)],
  check: (octets, chance) => {
    for (const options of SITES) {
      const whole = decoded([octets], options);
      assert.deepEqual(decoded(inPieces(octets, chance), options), whole);
      assert.deepEqual(
        decoded(
          Array.from(octets, (octet) => Buffer.of(octet)),
          options,
        ),
        whole,
      );
      const end = `\r\n${octets.toString("latin1")}`.indexOf("\r\n.\r\n");
      assert.equal(whole.rest?.length, options.stuffed && end >= 0 ? octets.length - end - 3 : undefined);
      if (whole.content === undefined) continue;
      assert.ok(!/[\r\0]/.test(whole.content));
      if (!options.stuffed || whole.rest !== undefined) assert.match(whole.content, /(?:^|\n)$/);
    }
  },
};

function decoded(pieces: readonly Buffer[], options: DecoderOptions) {
  const decoder = new MessageDecoder(options);
  let content = "";
  let rest: string | undefined;
  for (const piece of pieces) {
    if (rest !== undefined) {
      rest += piece.toString("latin1");
      continue;
    }
    const result = decoder.decode(Buffer.from(piece));
    content += result.octets.toString("latin1");
    rest = result.rest?.toString("latin1");
  }
  if (!options.stuffed || rest !== undefined) content += decoder.end().toString("latin1");
  // Of a message that goes on, a CR or dot at its end may still be held back; what it counts as is not known yet.
  const { violation, size } = decoder;
  return { content: violation === undefined ? content : undefined, rest, violation, size };
}
