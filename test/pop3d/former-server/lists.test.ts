/** The lists that Dovecot and Courier keep: as they write them, and damaged. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { parseCourierList } from "../../../pop3d/former-server/courier-list.js";
import { parseUidlist } from "../../../pop3d/former-server/dovecot-uidlist.js";

const HEADER = "3 V1795317529 N15 Gbe5c2835195f026bdc26000083ecc375\n";

describe("dovecot-uidlist", () => {
  test("of version 3: UIDs, stored unique-ids, GUIDs", () => {
    const text = `${HEADER}1 :1.a\n4 W24 S3 Pold-1 O7 :2.b,S=3\n5 P Gg:1 :3 c:d\n`;
    assert.deepEqual(parseUidlist(text, ":"), {
      uidValidity: 1_795_317_529,
      entries: new Map([
        ["1.a", { uid: 1, uidl: undefined, guid: undefined }],
        ["2.b,S=3", { uid: 4, uidl: "old-1", guid: undefined }],
        ["3 c", { uid: 5, uidl: "", guid: "g:1" }],
      ]),
    });
  });

  test("of version 1", () => {
    const list = parseUidlist("1 1100000000 9\n3 1.a:2,S\n8 2.b\n", ":");
    assert.equal(list?.uidValidity, 1_100_000_000);
    assert.deepEqual([...(list?.entries ?? [])].map(([base, { uid }]) => [base, uid]), [["1.a", 3], ["2.b", 8]]); // biome-ignore format: a row
  });

  test("a line that is being written is none yet", () => {
    const { entries } = parseUidlist(`${HEADER}1 :1.a\n2 :2.`, ":") ?? {};
    assert.deepEqual([...(entries?.keys() ?? [])], ["1.a"]);
    assert.equal(parseUidlist(HEADER, ":")?.entries.size, 0);
  });

  test("of a file with two lines the last holds", () => {
    assert.equal(parseUidlist(`${HEADER}1 :1.a\n2 :1.a\n`, ":")?.entries.get("1.a")?.uid, 2);
  });

  test("names have the separator of their Maildir", () => {
    assert.ok(parseUidlist(`${HEADER}1 :1.a!2,S\n`, "!")?.entries.has("1.a"));
  });

  for (const [name, text] of [
    ["nothing", ""],
    ["an unfinished header", HEADER.trimEnd()],
    ["another version", "2 V1 N2\n"],
    ["no UIDVALIDITY", "3 N2\n"],
    ["UIDVALIDITY 0", "3 V0 N2\n"],
    ["UIDVALIDITY of 33 bits", "3 V4294967296 N2\n"],
    ["UID 0", `${HEADER}0 :1.a\n`],
    ["UID of 33 bits", `${HEADER}4294967297 :1.a\n`],
    ["UIDs that fall", `${HEADER}2 :1.a\n1 :2.b\n`],
    ["a UID twice", `${HEADER}2 :1.a\n2 :2.b\n`],
    ["no name", `${HEADER}2 :\n`],
    ["a name that leads elsewhere", `${HEADER}2 :../1.a\n`],
    ["an empty line", `${HEADER}\n2 :1.a\n`],
    ["NULs", `${HEADER}${"\0".repeat(100)}\n`],
    ["a field that is none", `${HEADER}2 w24 :1.a\n`],
  ] as const) {
    test(`damaged: ${name}`, () => assert.equal(parseUidlist(text, ":"), undefined));
  }
});

describe("courierpop3dsizelist", () => {
  test("of version 3", () => {
    const text = "/3 5 17953\n1.a:2,S 24 1:17953:0\n2 b,S=17:2, 17 12:4:1\n3.c+é 17 0:0:0\n4.d 1 4:0:0\n";
    assert.deepEqual(
      parseCourierList(text, ":"),
      new Map([
        ["1.a", "UID1-17953"],
        ["2 b,S=17", "UID12-4"],
        ["3.c+é", "3.c+2B+E9"],
        ["4.d", "UID4"],
      ]),
    );
  });

  test("of version 2, and lines that are none", () => {
    const text = "/2 5 17953\n1.a:2,S 24 1:17953\nx\n2.b 17 2:3:0\n\n3.c 17 3:17953\n4.d 1 4:1";
    assert.deepEqual([...(parseCourierList(text, ":") ?? [])], [["1.a", "UID1-17953"], ["3.c", "UID3-17953"], ["4.d", "UID4-1"]]); // biome-ignore format: a row
  });

  for (const text of ["", "/1 5\n1.a 24 1\n", "/4 5 6\n", "/3 5\n", "1.a 24\n", "/3 x y\n"]) {
    test(`not read: ${JSON.stringify(text)}`, () => assert.equal(parseCourierList(text, ":"), undefined));
  }
});

test("whatever lies there is read without failing", () => {
  const noise = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.string({ unit: fc.constantFrom(..."123/: \nVNPW.a") }),
  );
  fc.assert(
    fc.property(fc.constantFrom("", HEADER, "1 1 1\n", "/3 5 6\n", "/2 1 1\n"), noise, (header, rest) => {
      parseUidlist(header + rest, ":");
      parseCourierList(header + rest, ":");
    }),
  );
});
