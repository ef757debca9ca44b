/** Editing the text of an accounts file: one line changes, every other octet stays. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { addEntry, changePassword, hasEntry, removeEntry } from "../../../shared/accounts/edit.js";
import { readEntries } from "../../../shared/accounts/entry.js";

const ALICE = "alice@example.org";
const DOMAIN = "example.org";

function changed(text: string): string | undefined {
  return changePassword(Buffer.from(text), ALICE, "{NEW}", DOMAIN)?.toString();
}

describe("changing a password", () => {
  for (const [before, after] of [
    ["alice@example.org:{PLAIN}x", "alice@example.org:{NEW}"],
    ["Alice:{PLAIN}x\n", "Alice:{NEW}\n"],
    ["alice", "alice:{NEW}"],
    ["alice\r\n", "alice:{NEW}\r\n"],
    ["alice:\n", "alice:{NEW}\n"],
    ["alice:{PLAIN}x\r\nbob:y\r\n", "alice:{NEW}\r\nbob:y\r\n"],
    [
      "#alice:x\n\nbob:y\nALICE@Example.org:{PLAIN}x:1:2:G:/h:/s: a=*:b=1 c\n",
      "#alice:x\n\nbob:y\nALICE@Example.org:{NEW}:1:2:G:/h:/s: a=*:b=1 c\n",
    ],
    // A mistake of somebody, which stays one, but no longer lets the old password in.
    ["alice:a\nalice@example.org:b\n", "alice:{NEW}\nalice@example.org:{NEW}\n"],
    ["# alice:x\nbob:x\n", undefined],
    ["alice@example.net:x\n", undefined],
    ["", undefined],
  ] as const) {
    test(JSON.stringify(before), () => assert.equal(changed(before), after));
  }
});

describe("removing", () => {
  for (const [before, after] of [
    ["alice:x", ""],
    ["# top\nalice:x\n# bottom", "# top\n# bottom"],
    ["bob:y\r\nalice:x\r\ncarol:z", "bob:y\r\ncarol:z"],
    ["bob:y", undefined],
  ] as const) {
    test(JSON.stringify(before), () => {
      assert.equal(removeEntry(Buffer.from(before), ALICE, DOMAIN)?.toString(), after);
    });
  }
});

describe("adding", () => {
  for (const [before, after] of [
    ["", "alice@example.org:{NEW}::::::\n"],
    ["bob:y\n", "bob:y\nalice@example.org:{NEW}::::::\n"],
    ["bob:y", "bob:y\nalice@example.org:{NEW}::::::\n"],
  ] as const) {
    test(JSON.stringify(before), () => {
      assert.equal(addEntry(Buffer.from(before), ALICE, "{NEW}").toString(), after);
    });
  }
});

/** Files with all sorts of lines, and accounts of which some are in them. */
const octets = fc
  .uint8Array({ maxLength: 30 })
  .map((line) => Buffer.from(line).toString("latin1").replaceAll("\n", ""));
const names = ["alice", "ALICE@example.org", "bob", "bob@example.net", "é", "a+b", '"c d"', "#alice"];
const entry = fc
  .tuple(fc.constantFrom(...names), fc.constantFrom("", ":", ":{PLAIN}x", ":*:1:2:::: q=*:s"))
  .map(([name, rest]) => Buffer.from(name + rest).toString("latin1"));
const file = fc
  .tuple(
    fc.array(fc.tuple(fc.oneof(octets, entry, fc.constant("# é")), fc.constantFrom("\n", "\r\n"))),
    fc.oneof(fc.constant(""), entry),
  )
  .map(([lines, last]) => Buffer.from(lines.flat().join("") + last, "latin1"));

/** Lines as latin1 with their ends, without those of alice. */
function linesOfOthers(text: Buffer): string[] {
  return text
    .toString("latin1")
    .split(/(?<=\n)/)
    .filter((line) => !/^"?alice"?(@example\.org)?(:|\r?\n?$)/i.test(line));
}

describe("whatever else is in the file", () => {
  test("a change keeps every other line, octet for octet", () => {
    fc.assert(
      fc.property(file, (before) => {
        const after = changePassword(before, ALICE, "{NEW}", DOMAIN);
        assert.equal(after !== undefined, hasEntry(before, ALICE, DOMAIN));
        if (after === undefined) return;
        assert.deepEqual(linesOfOthers(after), linesOfOthers(before));
        assert.equal(
          after.toString("latin1").split("\n").length,
          before.toString("latin1").split("\n").length,
        );
      }),
    );
  });

  test("a removal keeps every other line, octet for octet", () => {
    fc.assert(
      fc.property(file, (before) => {
        const after = removeEntry(before, ALICE, DOMAIN);
        if (after === undefined) return;
        assert.deepEqual(after.toString("latin1"), linesOfOthers(before).join(""));
        assert.equal(hasEntry(after, ALICE, DOMAIN), false);
      }),
    );
  });

  test("an addition keeps all that was there and is found afterwards", () => {
    fc.assert(
      fc.property(file, (before) => {
        const after = addEntry(before, "new@example.org", "{NEW}");
        assert.ok(after.subarray(0, before.length).equals(before));
        assert.deepEqual(readEntries(after.toString()).at(-1)?.user, "new@example.org");
        assert.ok(removeEntry(after, "new@example.org", DOMAIN)?.subarray(0, before.length).equals(before));
      }),
    );
  });
});
