/**
 * The surrogate of a message (RFC 6858), whose header anybody may have written: ASCII, with the body of the message, of the
 * size that is announced; of itself it is itself; and no cut of the message makes another.
 */
import assert from "node:assert/strict";
import { isAscii } from "node:buffer";
import { Surrogate } from "../../../pop3d/surrogate.js";
import { wireSizeOf } from "../../../shared/maildir/wire-size.js";
import { inPieces, type Target } from "../target.js";

export const surrogate: Target = {
  name: "surrogate",
  tokens: [
    ...[
      "From: ",
      "To: ",
      "Subject: ",
      "Content-Type: text/plain; ",
      "Content-Disposition: attachment; filename=",
      "\n ",
    ],
    ...[
      "\xc3\xa4",
      "\xe6\x97\xa5\xe6\x9c\xac",
      "\xf0\x9f\x93\xae",
      "=?utf-8?q?=C3=A4?=",
      '"',
      "<a@b.example>",
      "\xc3\xa4@b.example",
    ],
    ...[
      "(",
      ")",
      ";",
      ",",
      ":",
      "\\",
      "\n\n",
      "\r\n\r\n",
      "a group: a@b, c@d;",
      "charset=utf-8",
      "\xc3\xa4".repeat(300),
    ],
  ],
  check: (octets, chance) => {
    const whole = converted([octets]);
    assert.ok(converted(inPieces(octets, chance)).octets.equals(whole.octets), "the cut matters");
    const body = bodyOf(octets);
    const header = whole.octets.subarray(0, whole.octets.length - body.length);
    assert.ok(isAscii(header), "a header that is not ASCII");
    assert.ok(whole.octets.subarray(header.length).equals(body), "another body");
    assert.ok(bodyOf(whole.octets).equals(body), "the header ends elsewhere");
    // One with nothing in it that could be said in ASCII is left out.
    const fields = fieldsIn(octets.subarray(0, octets.length - body.length));
    assert.ok(fieldsIn(header) <= fields, "a field more");
    assert.equal(wireSizeOf(whole.octets) - wireSizeOf(octets), whole.added);
    assert.equal(whole.same, isAscii(octets.subarray(0, octets.length - body.length)));
    if (whole.same) assert.ok(whole.octets.equals(octets));
    assert.ok(converted([whole.octets]).octets.equals(whole.octets), "a surrogate of a surrogate");
  },
};

function converted(pieces: readonly Buffer[]) {
  const surrogate = new Surrogate();
  const octets = Buffer.concat([...pieces.map((piece) => surrogate.convert(piece)), surrogate.end()]);
  return { octets, added: surrogate.added, same: surrogate.same };
}

/** Its lines that do not begin with a space or tab. */
function fieldsIn(header: Buffer): number {
  return header.toString("latin1").match(/(?<=^|\n)[^ \t]/g)?.length ?? 0;
}

/** What follows the blank line that ends the header; nothing where there is none. */
function bodyOf(octets: Buffer): Buffer {
  const blank = /(?<=^|\n)\r?\n/.exec(octets.toString("latin1"));
  return blank === null ? Buffer.alloc(0) : octets.subarray(blank.index + blank[0].length);
}
