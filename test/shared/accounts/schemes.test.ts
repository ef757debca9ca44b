/** Password schemes: what Dovecot wrote is understood, and all else is refused without a word of it. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { canUseArgon2 } from "../../../shared/accounts/schemes/argon2.js";
import { hashScramSha256 } from "../../../shared/accounts/schemes/scram.js";
import { readStoredPassword } from "../../../shared/accounts/schemes.js";
import { lacking } from "../../peers.js";

const SPACES = " pass word ";
const UTF8 = "gehäim";
/** As long as a SHA-256 digest, and as a SHA-512 digest: where one loop more or less is easily wrong. */
const OCTETS_32 = "abcdefghijklmnopqrstuvwxyz012345";
const OCTETS_64 = OCTETS_32 + OCTETS_32;

/** Passwords and what `doveadm pw` made of them. */
const VECTORS: readonly (readonly [password: string, stored: string, work: string])[] = [
  [
    SPACES,
    "{SCRAM-SHA-256}4096,GljLL9LCQLhxV1JqWG4/xA==,4mSyPpW/MaJUDsH3iB0Bm4ApGIHdud4mgkon2VXZXb4=,FuDN8hhs+gYrUfgp/vUYbHtoG+5Mgxypz59zM2OPHlA=",
    "SCRAM-SHA-256 4096",
  ],
  [SPACES, "{SSHA256}sd1QcYH2TaTcm9bcXAmIyHuZZFeW6HMOdGrcmT4QQaQE5Dhd", "SSHA256"],
  [
    SPACES,
    "{SSHA512}9vQhYRH5xoOkmau67GYppj3fHma1dcvUPogTp77w9VKlN7zrPFoO6uaF2SgXS7+qXF7C4vvShSDNiVHw5sSqyst2NrU=",
    "SSHA512",
  ],
  [
    SPACES,
    "{SHA256-CRYPT}$5$J5ttVcQ9/MNIU21B$k6p1RKQF5gi0ISameBnlFLgARk3xIkkezStR1k3/4G4",
    "SHA256-CRYPT 5000",
  ],
  [
    SPACES,
    "{SHA512-CRYPT}$6$/OX22aHIysUsbHuz$lMMpWlE.ai4LOmZqcDUEVEIM9yLBqo6PGYTDXWajEiJAAIDnZiZJQpk8HkxPqNIHu8T3InDGHP3YpuiEwA6.U1",
    "SHA512-CRYPT 5000",
  ],
  [SPACES, "{BLF-CRYPT}$2y$05$r.JRAYTlCOe1DnV3fz4fceTv0KOSqAAMQcheEbI.l/fab5chugL9C", "BLF-CRYPT 05"],
  [
    SPACES,
    "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$Y9X5ASPBUiiXz4rY5FkLUQ$gtwrHaeuvvo+T7K9gWMkZ9R475YislNQbqY40jJFR7s",
    "ARGON2ID m=65536,t=3,p=1",
  ],
  [SPACES, "{PBKDF2}$1$hxQFeBhOM63wyB6c$5000$93c7a1b81a0ce62ebda955e5f2e4384d4a1887d4", "PBKDF2 5000"],
  [
    UTF8,
    "{SCRAM-SHA-256}4096,0aA5hpUJGvTECKmLeutl7w==,p+Yi+fZCsK8J5JaQEkWGsn6fo+j57lBbRsnq+1BhK8M=,iIE+16EFZjZHWWJuaafQ5t6yiMO8+UGvdIkg0hB11JI=",
    "SCRAM-SHA-256 4096",
  ],
  [UTF8, "{SSHA256}cIn+y46Vuzuwmuth8edqshHO1Q7ozCCpkJJdfKxNXOzFXkad", "SSHA256"],
  [
    UTF8,
    "{SSHA512}3+ZINziGkELlmgxcOLMIQpPMs7MqjndotSJ5PPpxzUs2AmyHFRcL2iuz4llHd6mbnhhE6Uj98LciZwWm/yga0w9OLiU=",
    "SSHA512",
  ],
  [
    UTF8,
    "{SHA256-CRYPT}$5$3v3XjIOvI2UVX1PZ$FtHIzYETd6RXtiaESLccRftMOqXhY4kfoUvFNljfsy7",
    "SHA256-CRYPT 5000",
  ],
  [
    UTF8,
    "{SHA512-CRYPT}$6$VwH.xIMR/vWR3R/W$GWfBpec3M6dx2/AOWJGCfQ1GVqQgVK0zhbBZTix6bg5Q7Ap2iGvzzkGGu2B4baUy8lzjBRWDFhtlNKO7pMYYX.",
    "SHA512-CRYPT 5000",
  ],
  [UTF8, "{BLF-CRYPT}$2y$05$fMl.Df7qW1GC.GfaZ4GdqO8TA8mzpSJUGKx45y3NukkGHK4MgKlhC", "BLF-CRYPT 05"],
  [
    UTF8,
    "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$KcJ1T340J+3falrSgby6Zg$qCZW01A3CLeogUMCIBpa5g5yxaw3uke4pMaplhQ7+3Q",
    "ARGON2ID m=65536,t=3,p=1",
  ],
  [UTF8, "{PBKDF2}$1$JWygNnYrFwE8h8sT$5000$6cbb2a51b3e8754cd6b6c44ba1c7007af10c332b", "PBKDF2 5000"],
  [
    OCTETS_32,
    "{SHA256-CRYPT}$5$lIXW4REjSrGmYufQ$zUapcYEGiVH4E/FZc.Ss7iQIAOgggCLXa20Cj5VQUm.",
    "SHA256-CRYPT 5000",
  ],
  [
    OCTETS_32,
    "{SHA512-CRYPT}$6$SdhxOc6ArQ/GIEsc$mv3m1/l5EqoZRGDLWTmb0hDC58j1FfR2a7wGwoV5GakULo7dSrDkevQ8tkoJcujhJ5iAsR9cAeLPcntffiGxW/",
    "SHA512-CRYPT 5000",
  ],
  [
    OCTETS_64,
    "{SCRAM-SHA-256}4096,6c9X6dqrE0UhJsBykWAvZQ==,loTa61nldKp81wxZEl9w/fnjkaxTr3sjbnwgxg1O/Bg=,FpWp3UyFFdv2Fd6ZyguoeBv/DUcjn1rW2gy4Zo1ti5o=",
    "SCRAM-SHA-256 4096",
  ],
  [
    OCTETS_64,
    "{SHA256-CRYPT}$5$Iq65wsPlCOEZSFUU$5QsM8/UlR870k0XnC84I1BlXFz9f/5P3aFDRKuAsNK9",
    "SHA256-CRYPT 5000",
  ],
  [
    OCTETS_64,
    "{SHA512-CRYPT}$6$xVvrjAW00TP1.7Zv$2STwwDfZjjcy7am78IQNo1dfOetWBdeN75I9cmXe2PmVT7ZedFcVd1WZtXcVgBVAI/7n.a8UKGlNDq7y/a6vC0",
    "SHA512-CRYPT 5000",
  ],
  [OCTETS_64, "{BLF-CRYPT}$2y$05$h8C4oOWT6kUl2QZdQctGj.4SatXqB1m6XGxbpkvtP4MJOWqxJEQHS", "BLF-CRYPT 05"],
  [
    "x",
    "{SHA512-CRYPT}$6$rounds=1000$iUC9U9CoA.WgNMe0$I1GIPoL8ol1Pd6esVJC87MdAQ/ygHgz6Wc8dv22Ak1d7SE9Pu2E5tHgBR8Z2qzzCBVuvIKgXhk/el4YE0O6We.",
    "SHA512-CRYPT 1000",
  ],
  [
    UTF8,
    "{SHA256-CRYPT}$5$rounds=12345$rdmbm6XxHARYbc0i$uTa/IEwPLKgpMIY373iToM65AhOLA5nSqYi.UuGuPI8",
    "SHA256-CRYPT 12345",
  ],
  [SPACES, "{PLAIN.B64}IHBhc3Mgd29yZCA=", "PLAIN"],
  [
    SPACES,
    "{SSHA256.HEX}ef3954cd4bc5b7cc7bf60b66dfc70fb039cb5641fc10df05eb324b2ffd6a7e7575ccadfb",
    "SSHA256",
  ],
  [
    SPACES,
    "{PBKDF2.HEX}243124594a69686d533154566b74595765554c24353030302439316136653561356637333732666633363938393739633734653466663634303437373064326565",
    "PBKDF2 5000",
  ],
  [
    SPACES,
    "{SHA512-CRYPT.B64}JDYkUW96b0tWRzBjUElvWmovTiRkOVBQcmRMUUxMQ1dNeE9hWGJuUlduaVk3bTJ4TXlXd3BDUjA5Rk5lbHRLTGRiVjFPZnFYblMzWGh2TGtXS0NaMUI0bk1Vd0xQdVlIUnFmSmNFeW5RLg==",
    "SHA512-CRYPT 5000",
  ],
];
const noArgon2 = (await canUseArgon2()) ? false : lacking("@node-rs/argon2 is not installed");

async function fits(stored: string, password: string): Promise<boolean> {
  const read = readStoredPassword(stored);
  assert.ok(read.kind === "credential", `${stored} is ${read.kind}`);
  return read.credential.verify(Buffer.from(password));
}

describe("what doveadm pw wrote", () => {
  for (const [password, stored, work] of VECTORS) {
    test(`${work}: ${JSON.stringify(password)}`, {
      skip: stored.startsWith("{ARGON2ID}") && noArgon2,
    }, async () => {
      const read = readStoredPassword(stored);
      assert.ok(read.kind === "credential");
      assert.equal(read.credential.work, work);
      assert.equal(await fits(stored, password), true);
      for (const wrong of [
        "",
        `${password} `,
        password.slice(1),
        password.slice(0, -1),
        password.toUpperCase(),
      ]) {
        assert.equal(await fits(stored, wrong), false, `takes ${JSON.stringify(wrong)}`);
      }
    });
  }
});

describe("forms that mean the same", () => {
  const sha512 =
    "$6$rounds=1000$iUC9U9CoA.WgNMe0$I1GIPoL8ol1Pd6esVJC87MdAQ/ygHgz6Wc8dv22Ak1d7SE9Pu2E5tHgBR8Z2qzzCBVuvIKgXhk/el4YE0O6We.";
  const bcrypt = "$2y$05$r.JRAYTlCOe1DnV3fz4fceTv0KOSqAAMQcheEbI.l/fab5chugL9C";
  for (const [password, stored] of [
    ["x", sha512],
    ["x", `{CRYPT}${sha512}`],
    ["x", `{sha512-crypt}${sha512}`],
    // Dovecot gives each of these to crypt(3).
    ["x", `{SHA256-CRYPT}${sha512}`],
    [SPACES, bcrypt],
    [SPACES, `{CRYPT}${bcrypt}`],
    [SPACES, `{SHA512-CRYPT}${bcrypt}`],
    [SPACES, `{BLF-CRYPT}${bcrypt.replace("$2y$", "$2a$")}`],
    [SPACES, `{BLF-CRYPT}${bcrypt.replace("$2y$", "$2b$")}`],
    [SPACES, `{PLAIN}${SPACES}`],
    [SPACES, `{CLEARTEXT}${SPACES}`],
    [SPACES, `{CLEAR}${SPACES}`],
    ["{PLAIN}x", "{PLAIN}{PLAIN}x"],
    ["*", "{PLAIN}*"],
    [UTF8, `{PLAIN}${UTF8}`],
    [UTF8, `{plain.base64}${Buffer.from(UTF8).toString("base64")}`],
    [UTF8, `{PLAIN.hex}${Buffer.from(UTF8).toString("hex").toUpperCase()}`],
    [SPACES, "{PBKDF2}$1$hxQFeBhOM63wyB6c$5000$93C7A1B81A0CE62EBDA955E5F2E4384D4A1887D4"],
  ] as const) {
    test(stored, async () => {
      assert.equal(await fits(stored, password), true);
      assert.equal(await fits(stored, `${password}.`), false);
    });
  }
});

describe("nobody can log in", () => {
  for (const stored of ["", "*", "!", "!!", `!${"$6$salt$"}`, "*LK*"]) {
    test(JSON.stringify(stored), () => assert.equal(readStoredPassword(stored).kind, "locked"));
  }
});

describe("refused", () => {
  const secret = "Tr0ub4dor";
  const base64 = Buffer.from(secret).toString("base64");
  for (const stored of [
    secret,
    "x",
    `{${secret}}x`,
    `{PLAIN.${secret}}x`,
    `{PLAIN.b64.b64}${base64}`,
    "{PLAIN}",
    "{PLAIN.b64}",
    `{PLAIN.b64}${base64.replace(/=*$/, "!")}`,
    "{PLAIN.b64}Z2VoZWltIA",
    `{PLAIN.hex}${secret}`,
    "{PLAIN.hex}abc",
    `{MD5}${secret}`,
    `{CRYPT}${secret}`,
    "{CRYPT}",
    `{CRYPT}$1$salt$${secret}`,
    `{CRYPT}$y$j9T$salt$${secret}`,
    `{SHA512-CRYPT}$6$salt$${secret}`,
    `{SHA512-CRYPT}$6$salt$${"a".repeat(43)}`,
    `{SHA256-CRYPT}$5$salt$${"a".repeat(86)}`,
    `{SHA512-CRYPT}$6$rounds=999$salt$${"a".repeat(86)}`,
    `{SHA512-CRYPT}$6$rounds=1e9$salt$${"a".repeat(86)}`,
    `{SHA512-CRYPT}$6$aSaltOfSeventeenC$${"a".repeat(86)}`,
    `{BLF-CRYPT}$2x$05$${"a".repeat(53)}`,
    `{BLF-CRYPT}$2y$03$${"a".repeat(53)}`,
    `{BLF-CRYPT}$2y$32$${"a".repeat(53)}`,
    `{BLF-CRYPT}$2y$05$${"a".repeat(52)}`,
    `{SSHA256}${base64}`,
    `{SSHA256}${Buffer.alloc(32).toString("base64")}`,
    `{SSHA512}${Buffer.alloc(64).toString("base64")}`,
    `{SCRAM-SHA-256}4095,AAAA,${Buffer.alloc(32).toString("base64")},${Buffer.alloc(32).toString("base64")}`,
    `{SCRAM-SHA-256}10000001,AAAA,${Buffer.alloc(32).toString("base64")},${Buffer.alloc(32).toString("base64")}`,
    `{SCRAM-SHA-256}4096,AAAA,${Buffer.alloc(32).toString("base64")}`,
    `{SCRAM-SHA-256}4096,AAAA,AAAA,AAAA`,
    `{PBKDF2}$1$salt$0$${"0".repeat(40)}`,
    `{PBKDF2}$1$salt$5000$${"0".repeat(38)}`,
    `{ARGON2ID}$argon2i$v=19$m=32768,t=4,p=1$c29tZXNhbHQ$c29tZWhhc2g`,
    "{ARGON2ID}$argon2id$v=19$m=1,t=1$c29tZXNhbHQ$c29tZWhhc2g",
  ]) {
    test(stored, () => {
      const read = readStoredPassword(stored);
      assert.ok(read.kind === "unusable");
      assert.ok(!read.wrong.toLowerCase().includes(secret.toLowerCase()), "the error tells the password");
      assert.ok(!read.wrong.includes(base64), "the error tells the password");
    });
  }
});

test("no two new hashes of a password are the same", () => {
  assert.notEqual(hashScramSha256("x", 4096), hashScramSha256("x", 4096));
});

test("a new hash is what Dovecot makes of the same salt", () => {
  const [, stored] = VECTORS.find(([password, field]) => password === UTF8 && field.includes("SCRAM")) ?? [];
  const salt = Buffer.from("0aA5hpUJGvTECKmLeutl7w==", "base64");
  assert.equal(hashScramSha256(UTF8, 4096, salt), stored);
});
