/** Maildir names: ours, those of other programs, and that no two of ours are alike. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  baseNameOf,
  compareNames,
  formatBaseName,
  hasAsciiHeader,
  type InfoSeparator,
  type MessageName,
  parseName,
  pathOf,
  uniqueNames,
  withFlags,
} from "../../../shared/maildir/name.js";

/** Octets of a file name as latin1 characters, without those that end a field. */
const octet = fc.integer({ min: 1, max: 255 }).map((code) => String.fromCharCode(code));
const part = fc.string({ unit: octet.filter((c) => !"/:,".includes(c)), minLength: 1, maxLength: 40 });
const size = fc.nat({ max: 2 ** 48 });
const flags = fc.string({ unit: fc.constantFrom(..."DFPRSTabcxyz09~"), maxLength: 8 });

describe("a name", () => {
  test("is read as it was written", () => {
    fc.assert(
      fc.property(part, size, size, flags, (unique, octets, wireOctets, letters) => {
        const base = formatBaseName(unique, octets, wireOctets);
        assert.deepEqual(parseName(`${base}:2,${letters}`), {
          unique,
          identity: base,
          size: octets,
          wireSize: wireOctets,
          flags: letters,
        });
        assert.deepEqual(parseName(base), { ...parseName(`${base}:2,`), flags: "" });
      }),
    );
  });

  test("of any octets is read without failing, and keeps its identity whatever is done to its flags", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: octet.filter((c) => c !== "/"), minLength: 1 }),
        flags,
        (filename, letters) => {
          const { identity, unique } = parseName(filename);
          assert.ok(filename.startsWith(unique));
          assert.equal(parseName(withFlags(filename, letters)).identity, identity);
          assert.equal(withFlags(withFlags(filename, letters), letters), withFlags(filename, letters));
        },
      ),
    );
  });

  test("has the flags behind the separator of its Maildir, and there alone", () => {
    const separators = fc.constantFrom<InfoSeparator>(":", ";", "!");
    const odd = fc.string({ unit: octet.filter((c) => !"/:;!".includes(c)), minLength: 1, maxLength: 255 });
    fc.assert(
      fc.property(odd, flags, flags, separators, separators, (base, letters, added, separator, another) => {
        const filename = `${base}${separator}2,${letters}`;
        const { identity, unique, flags: found } = parseName(filename, separator);
        assert.equal(found, letters);
        assert.equal(baseNameOf(filename, separator), base);
        assert.ok(identity.startsWith(unique));
        assert.equal(identity, parseName(base, another).identity);
        const flagged = withFlags(filename, added, separator);
        assert.equal(flagged, withFlags(withFlags(base, letters, separator), added, separator));
        assert.equal(baseNameOf(flagged, separator), base);
        assert.deepEqual(new Set(parseName(flagged, separator).flags), new Set(letters + added));
        // To a Maildir with another separator it is all base name.
        if (another !== separator) assert.equal(baseNameOf(filename, another), filename);
      }),
    );
  });

  test("has sizes only where fields say them plainly, whatever else is in it", () => {
    const field = fc.constantFrom(
      "S=5",
      "W=6",
      "S=",
      "S=5=6",
      "W=-1",
      "=",
      "",
      "S",
      "U=",
      "U=x",
      "U=3",
      "%2C",
      " S=7",
      "S=9",
    );
    fc.assert(
      fc.property(fc.array(field, { maxLength: 8 }), (fields) => {
        const { size, wireSize, identity } = parseName(["1.host", ...fields].join(","));
        const first = (prefix: string) => fields.find((one) => one.startsWith(prefix))?.slice(2);
        assert.equal(size, /^\d+$/.test(first("S=") ?? "") ? Number(first("S=")) : undefined);
        assert.equal(wireSize, /^\d+$/.test(first("W=") ?? "") ? Number(first("W=")) : undefined);
        assert.equal(identity, ["1.host", ...fields.filter((one) => one !== "U=3")].join(","));
      }),
    );
  });

  test("stays the same message when mbsync gives it an IMAP UID, or another", () => {
    fc.assert(
      fc.property(part, size, fc.nat(), fc.nat(), (unique, octets, uid, later) => {
        const base = formatBaseName(unique, octets, octets);
        assert.equal(parseName(`${base},U=${later}`).identity, base);
        assert.equal(parseName(`${unique},U=${uid},S=1:2,`).identity, `${unique},S=1`);
        assert.equal(parseName(`${base},U=${uid}:2,RS`).identity, base);
      }),
    );
  });
});

describe("whether a header is ASCII", () => {
  test("is told by every name of ours", () => {
    fc.assert(
      fc.property(
        part,
        fc.nat(),
        fc.nat(),
        size,
        size,
        fc.boolean(),
        fc.option(fc.nat()),
        (host, pid, now, octets, wire, ascii, uid) => {
          const base = formatBaseName(uniqueNames(host, pid, () => now)(), octets, wire, ascii);
          const synced = uid === null ? base : `${base},U=${uid}`;
          assert.equal(hasAsciiHeader(parseName(synced).identity), ascii);
          assert.equal(parseName(`${synced}:2,S`).wireSize, wire);
        },
      ),
    );
  });

  for (const name of [
    "1025642190.8221.mail.example.org",
    "1204680122.M9841P28736V0000000000000902I0000000000123456_0.host,S=2048,W=2101",
    "1204680122.M984112P28736.host,S=2048,W=2101",
    // Python's mailbox
    "1204680122.M984112P28736Q1.host",
    "1204680122.M984112P28736Q1.host,S=2048",
    "1204680122.M984112P28736Q1.host,W=2101,S=2048",
    "1204680122.M984112P28736Q1.host,S=2048,W=2101,H=9",
    "1204680122.M984112P28736Q1.host,S=2048,W=2101,X=1",
    "",
  ]) {
    test(`is not told by ${name}`, () => assert.equal(hasAsciiHeader(name), undefined));
  }
});

const foreign: readonly (readonly [string, string, MessageName])[] = [
  [
    "qmail's",
    "1025642190.8221.mail.example.org",
    {
      unique: "1025642190.8221.mail.example.org",
      identity: "1025642190.8221.mail.example.org",
      size: undefined,
      wireSize: undefined,
      flags: "",
    },
  ],
  [
    "Dovecot's",
    "1204680122.M9841P28736V0000000000000902I0000000000123456_0.host,S=2048,W=2101:2,FRSab",
    {
      unique: "1204680122.M9841P28736V0000000000000902I0000000000123456_0.host",
      identity: "1204680122.M9841P28736V0000000000000902I0000000000123456_0.host,S=2048,W=2101",
      size: 2048,
      wireSize: 2101,
      flags: "FRSab",
    },
  ],
  [
    "Courier's",
    "1165334409.M353410P2414V000000000000FD00I0004C2FC_0.host,S=4711:2,S",
    {
      unique: "1165334409.M353410P2414V000000000000FD00I0004C2FC_0.host",
      identity: "1165334409.M353410P2414V000000000000FD00I0004C2FC_0.host,S=4711",
      size: 4711,
      wireSize: undefined,
      flags: "S",
    },
  ],
  [
    "mbsync's",
    "1700000000.4711_1.host,U=7:2,FS",
    {
      unique: "1700000000.4711_1.host",
      identity: "1700000000.4711_1.host",
      size: undefined,
      wireSize: undefined,
      flags: "FS",
    },
  ],
  [
    "procmail's",
    "1049470193.17022_0.host",
    {
      unique: "1049470193.17022_0.host",
      identity: "1049470193.17022_0.host",
      size: undefined,
      wireSize: undefined,
      flags: "",
    },
  ],
  [
    "one with an experimental info part",
    "1049470193.1_0.host,S=5:1,anything",
    {
      unique: "1049470193.1_0.host",
      identity: "1049470193.1_0.host,S=5",
      size: 5,
      wireSize: undefined,
      flags: "",
    },
  ],
  [
    "one with more after the flags",
    "1.host:2,SF,later",
    { unique: "1.host", identity: "1.host", size: undefined, wireSize: undefined, flags: "SF" },
  ],
  [
    "one of 8-bit octets",
    "caf\xe9\xff:2,S",
    { unique: "caf\xe9\xff", identity: "caf\xe9\xff", size: undefined, wireSize: undefined, flags: "S" },
  ],
  [
    "one with sizes that are none",
    "1.host,S=-1,W=0x10,S=5:2,",
    {
      unique: "1.host",
      identity: "1.host,S=-1,W=0x10,S=5",
      size: undefined,
      wireSize: undefined,
      flags: "",
    },
  ],
  [
    "an empty base name",
    ":2,S",
    { unique: "", identity: "", size: undefined, wireSize: undefined, flags: "S" },
  ],
];

for (const [whose, filename, expected] of foreign) {
  test(`${whose} name is read: ${JSON.stringify(filename)}`, () => {
    assert.deepEqual(parseName(filename), expected);
  });
}

const flagged: readonly (readonly [string, string, string])[] = [
  ["1.host", "", "1.host:2,"],
  ["1.host", "S", "1.host:2,S"],
  ["1.host:2,", "S", "1.host:2,S"],
  ["1.host:2,S", "S", "1.host:2,S"],
  ["1.host:2,TS", "F", "1.host:2,FST"],
  ["1.host:2,baS", "F", "1.host:2,FSab"],
  ["1.host,S=1,W=1,U=7:2,R", "S", "1.host,S=1,W=1,U=7:2,RS"],
  ["1.host:2,SR,later", "F", "1.host:2,FRS,later"],
  ["1.host:1,x", "S", "1.host:1,x"],
  ["1.host:", "S", "1.host:"],
];

for (const [filename, added, expected] of flagged) {
  test(`flags "${added}" make ${filename} ${expected}`, () => {
    assert.equal(withFlags(filename, added), expected);
  });
}

describe("unique parts", () => {
  test("are all different and in order, whatever the clock does", () => {
    const clock = fc.array(fc.integer({ min: 1_700_000_000_000, max: 1_700_000_001_000 }), { minLength: 2 });
    fc.assert(
      fc.property(clock, (times) => {
        let at = 0;
        const next = uniqueNames("host", 42, () => times[at++] ?? 0);
        const names = times.map(() => next());
        assert.equal(new Set(names).size, names.length);
        assert.deepEqual(names.toSorted(compareNames), names);
        assert.deepEqual(names.toSorted(), names);
      }),
    );
  });

  test("have the parts that the Maildir specification names", () => {
    const next = uniqueNames("mail.example.org", 4711, () => 1_763_769_600_007);
    assert.equal(next(), "1763769600.M007000P4711Q1.mail.example.org");
    assert.equal(next(), "1763769600.M007001P4711Q2.mail.example.org");
  });

  test("hold whatever a host is called in one field of a name that the file system takes", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), (host) => {
        const unique = uniqueNames(host, 4_194_304, () => 1_763_769_600_000)();
        const name = `${formatBaseName(unique, 1e15 - 1, 1e15 - 1)}:2,DFPRST`;
        assert.match(name, /^[!-.0-~]{1,255}$/);
        assert.equal(parseName(name).unique, unique);
      }),
    );
    assert.match(uniqueNames("a/b:c,d", 1, () => 0)(), /\.a\\057b\\072c\\054d$/);
  });
});

test("messages are in the order of their delivery, then of their names", () => {
  const inOrder = [
    "caf\xe9",
    "garbage",
    "999999999.1.host",
    "1000000000.1.host",
    "1763769600.M000001P9Q9.host",
    "1763769600.M000002P1Q1.host",
    "1763769601.1.host",
  ];
  fc.assert(
    fc.property(fc.shuffledSubarray(inOrder), (some) => {
      const expected = inOrder.filter((name) => some.includes(name));
      assert.deepEqual(some.toSorted(compareNames), expected);
    }),
  );
});

test("a path has the very octets of the name", () => {
  assert.equal(pathOf("/m/cur", "1.host:2,S"), "/m/cur/1.host:2,S");
  assert.deepEqual(
    pathOf("/größe/cur", "caf\xe9"),
    Buffer.concat([Buffer.from("/größe/cur/caf"), Buffer.from([0xe9])]),
  );
});
