/** SCRAM-SHA-256 and its PLUS (RFC 5802, RFC 7677, RFC 9266). */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { deriveScramKeys } from "../../../shared/accounts/schemes/scram.js";
import type { Mechanism, Turn } from "../../../shared/sasl/mechanism.js";
import { SCRAM_SHA_256, SCRAM_SHA_256_PLUS } from "../../../shared/sasl/scram.js";
import { ScramClient, type ScramClientOptions } from "../../fakes/scram-client.js";
import { ALICE, challengeOf, check, GRANTED, keysFound, respond } from "./played.js";

const SALT = Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64");
const SERVER_NONCE = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
const BINDING = Buffer.from("the exported keying material");
const keys = await deriveScramKeys(Buffer.from("pencil"), SALT, 4096);

/** The turn that takes the client's first message. */
function begun(first: string, mechanism: Mechanism = SCRAM_SHA_256, binding?: Buffer): Turn {
  const turn = mechanism.begin(binding);
  assert.equal(challengeOf(turn), "");
  return respond(turn, first);
}

/** The turn that has taken the client's final message, of a client that means well or does not. */
function ended(
  options: Partial<ScramClientOptions> = {},
  change: (final: string) => string = (final) => final,
  { mechanism = SCRAM_SHA_256, binding }: { mechanism?: Mechanism; binding?: Buffer } = {},
): { turn: Turn; client: ScramClient } {
  const client = new ScramClient({ username: "alice", password: "pencil", nonce: "abc", ...options });
  const found = check(begun(client.first, mechanism, binding), keysFound(keys, ALICE, SERVER_NONCE));
  return { turn: respond(found.turn, change(client.final(challengeOf(found.turn)))), client };
}

function proved(turn: Turn): boolean {
  assert.ok(turn.kind === "check" && turn.check.kind === "SCRAM proof", turn.kind);
  assert.equal(turn.check.account, ALICE);
  return turn.check.proved;
}

test("RFC 7677 §3, to the letter", () => {
  const asked = begun("n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
  const found = check(asked, keysFound(keys, ALICE, SERVER_NONCE));
  assert.deepEqual(found.asked, { kind: "SCRAM keys", username: "user" });
  const nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
  assert.equal(challengeOf(found.turn), `r=${nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`);
  const final = `c=biws,r=${nonce},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=`;
  const proof = check(respond(found.turn, final), GRANTED);
  assert.deepEqual(proof.asked, { kind: "SCRAM proof", username: "user", account: ALICE, proved: true });
  assert.equal(challengeOf(proof.turn), "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
  assert.deepEqual(respond(proof.turn, ""), GRANTED);
});

test("a client that answers our proof with anything but nothing has not logged in", () => {
  const { turn, client } = ended();
  const last = check(turn, GRANTED).turn;
  assert.ok(client.accepts(challengeOf(last)));
  assert.equal(respond(last, "x").kind, "malformed");
});

test("a proof of another password is none, and the verdict on it is the outcome", () => {
  const { turn } = ended({ password: "Pencil" });
  assert.equal(proved(turn), false);
  assert.deepEqual(check(turn, { kind: "refused" }).turn, { kind: "refused" });
});

test("nobody's keys: a client gets as far, and nothing of it is a proof of an account", () => {
  const client = new ScramClient({ username: "nobody", password: "x", nonce: "abc" });
  const found = check(begun(client.first), keysFound(keys, undefined, SERVER_NONCE));
  const turn = respond(found.turn, client.final(challengeOf(found.turn)));
  assert.ok(turn.kind === "check" && turn.check.kind === "SCRAM proof");
  assert.equal(turn.check.account, undefined);
});

test("when nobody can look up, nobody says wrong", () => {
  const cause = new Error("as the test wants it");
  const { turn } = check(begun("n,,n=alice,r=abc"), { kind: "unavailable", cause });
  assert.deepEqual(turn, { kind: "unavailable", cause });
});

describe("the client's first message", () => {
  for (const [name, first] of [
    ["is empty", ""],
    ["has no header", "n=alice,r=abc"],
    ["has an unknown flag", "x,,n=alice,r=abc"],
    ["has a header that is not standard", "F,n,,n=alice,r=abc"],
    ["has no name", "n,,r=abc"],
    ["has an empty name", "n,,n=,r=abc"],
    ["has an empty authzid", "n,a=,n=alice,r=abc"],
    ["has no nonce", "n,,n=alice"],
    ["has an empty nonce", "n,,n=alice,r="],
    ["has a space in the nonce", "n,,n=alice,r=a c"],
    ["has its attributes in another order", "n,,r=abc,n=alice"],
    ["asks for an extension", "n,,m=ext,n=alice,r=abc"],
    ["asks for an extension later", "n,,n=alice,r=abc,m=ext"],
    ["has the nonce twice", "n,,n=alice,r=abc,r=abc"],
    ["escapes what need not be", "n,,n=al=69ce,r=abc"],
    ["escapes in lower case", "n,,n=al=2cice,r=abc"],
    ["has a NUL in the name", "n,,n=al\0ice,r=abc"],
    ["ends in a comma", "n,,n=alice,r=abc,"],
    ["is not UTF-8", Buffer.from("n,,n=al\xe9,r=abc", "latin1").toString("latin1")],
  ] as const) {
    const octets = name === "is not UTF-8" ? Buffer.from(first, "latin1") : Buffer.from(first);
    test(`${name}: malformed`, () =>
      assert.equal(respond(SCRAM_SHA_256.begin(undefined), octets).kind, "malformed"));
  }

  test("a name may hold a comma and an equals sign, and extensions may follow", () => {
    const asked = check(begun("n,a=a=2Cb=3Dc,n=a=2Cb=3Dc,r=abc,x=1,Y=ä=b"), { kind: "refused" }).asked;
    assert.deepEqual(asked, { kind: "SCRAM keys", username: "a,b=c" });
  });

  for (const [name, first, binding, mechanism] of [
    ["on behalf of another", "n,a=bob,n=alice,r=abc", undefined, SCRAM_SHA_256],
    ["y, though PLUS is offered", "y,,n=alice,r=abc", BINDING, SCRAM_SHA_256],
    ["p without PLUS", "p=tls-exporter,,n=alice,r=abc", BINDING, SCRAM_SHA_256],
    ["PLUS with n", "n,,n=alice,r=abc", BINDING, SCRAM_SHA_256_PLUS],
    ["PLUS with y", "y,,n=alice,r=abc", BINDING, SCRAM_SHA_256_PLUS],
    ["PLUS with tls-unique", "p=tls-unique,,n=alice,r=abc", BINDING, SCRAM_SHA_256_PLUS],
    ["PLUS without TLS", "p=tls-exporter,,n=alice,r=abc", undefined, SCRAM_SHA_256_PLUS],
  ] as const) {
    test(`${name}: refused`, () => assert.equal(begun(first, mechanism, binding).kind, "refused"));
  }

  test("y where PLUS is not offered, and n where it is, go on", () => {
    assert.equal(begun("y,,n=alice,r=abc").kind, "check");
    assert.equal(begun("n,,n=alice,r=abc", SCRAM_SHA_256, BINDING).kind, "check");
  });
});

describe("the client's final message", () => {
  test("with extensions, which are signed too", () => {
    assert.equal(proved(ended({}, (final) => final.replace(",p=", ",x=1,p=")).turn), false);
  });
  for (const [name, change] of [
    ["is empty", () => ""],
    ["has no proof", (final: string) => final.replace(/,p=.*/, "")],
    ["has an empty channel binding", (final: string) => final.replace("c=biws", "c")],
    ["has another order", (final: string) => final.replace(/^(c=[^,]+),(r=[^,]+)/, "$2,$1")],
    ["asks for an extension", (final: string) => final.replace(",p=", ",m=1,p=")],
    ["goes on after the proof", (final: string) => `${final},x=1`],
    ["has a proof that is not base64", (final: string) => final.replace(/=$/, "")],
  ] as const) {
    test(`${name}: malformed`, () => assert.equal(ended({}, change).turn.kind, "malformed"));
  }
  for (const [name, change] of [
    ["another nonce", (final: string) => final.replace(",r=abc", ",r=abd")],
    ["the client's nonce alone", (final: string) => final.replace(/,r=[^,]+/, ",r=abc")],
    ["another header than before", (final: string) => final.replace("c=biws", "c=eSws")],
  ] as const) {
    test(`${name}: refused`, () => assert.equal(ended({}, change).turn.kind, "refused"));
  }
  test("a proof that is too short is none", () => {
    assert.equal(proved(ended({}, (final) => final.replace(/,p=.*/, ",p=")).turn), false);
    assert.equal(proved(ended({}, (final) => final.replace(/,p=.*/, ",p=AAAA")).turn), false);
  });
});

test("PLUS: the channel that both see is bound, another is refused", () => {
  const server = { mechanism: SCRAM_SHA_256_PLUS, binding: BINDING };
  assert.equal(proved(ended({ channelBinding: BINDING }, undefined, server).turn), true);
  const between = { channelBinding: Buffer.from("what somebody between them has") };
  assert.equal(ended(between, undefined, server).turn.kind, "refused");
});

test("any user, password and nonce: who knows the password proves it, and is told so by who knows it too", async () => {
  const name = fc.string({ minLength: 1, unit: fc.constantFrom(..."ab,=ä日 '\"") });
  const nonce = fc.string({ minLength: 1, unit: fc.constantFrom(..."aZ09+/%$!~=") });
  await fc.assert(
    fc.asyncProperty(
      name,
      fc.string({ minLength: 1 }),
      nonce,
      nonce,
      async (username, password, mine, yours) => {
        const own = await deriveScramKeys(Buffer.from(password), SALT, 4096);
        const client = new ScramClient({ username, password, nonce: mine });
        const found = check(begun(client.first), keysFound(own, ALICE, yours));
        assert.deepEqual(found.asked, { kind: "SCRAM keys", username });
        const turn = respond(found.turn, client.final(challengeOf(found.turn)));
        assert.ok(proved(turn));
        assert.ok(client.accepts(challengeOf(check(turn, GRANTED).turn)));
      },
    ),
    { numRuns: 30 },
  );
});

test("anything at all, at either step, is an answer and no exception", () => {
  const piece = fc.constantFrom(
    "n",
    "y",
    "p=",
    ",",
    "a=",
    "n=",
    "r=",
    "c=biws",
    "m=",
    "x=1",
    "abc",
    "=2C",
    "\0",
    "é",
  );
  const message = fc.oneof(
    fc.array(piece, { maxLength: 12 }).map((pieces) => Buffer.from(pieces.join(""))),
    fc.uint8Array({ maxLength: 60 }).map((octets) => Buffer.from(octets)),
  );
  fc.assert(
    fc.property(message, message, (first, final) => {
      const turn = respond(SCRAM_SHA_256.begin(undefined), first);
      assert.match(turn.kind, /^(check|refused|malformed)$/);
      const { turn: second } = check(begun("n,,n=alice,r=abc"), keysFound(keys, ALICE, SERVER_NONCE));
      assert.match(respond(second, final).kind, /^(refused|malformed)$/);
    }),
  );
});
