/**
 * SASL exchanges, of every mechanism: they end, say only base64, and grant nothing that no check has granted. Whether a
 * SCRAM proof is one, is worked out a second time, from the password.
 *
 * The input is the name of a mechanism, its initial response or "-", and the responses: each a line. The password is
 * "pencil", and so is the token; salt, iterations and the server's nonce are those of RFC 7677 §3.
 */
import assert from "node:assert/strict";
import { createHash, createHmac, pbkdf2Sync } from "node:crypto";
import type { Account } from "../../../shared/accounts/account.js";
import { hashScramSha256, parseScramSha256 } from "../../../shared/accounts/schemes/scram.js";
import { maildirAt } from "../../../shared/maildir/maildir.js";
import { beginExchange, type Progress } from "../../../shared/sasl/exchange.js";
import type { Check, Checked } from "../../../shared/sasl/mechanism.js";
import { offeredMechanisms } from "../../../shared/sasl/mechanisms.js";
import { linesIn, type Target } from "../target.js";

const PASSWORD = "pencil";
const SALT = Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64");
const ITERATIONS = 4096;
const NONCE = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
const BINDING = Buffer.from("the channel of a TLS connection.");
const MECHANISMS = offeredMechanisms({ takesScram: true, takesTokens: true }, BINDING);

const ACCOUNT: Account = {
  address: "user@pillarbox.test",
  password: "",
  home: "/nowhere",
  maildir: maildirAt("/nowhere/Maildir"),
  extra: new Map(),
};

/** More turns than any mechanism has. */
const TURNS_MAX = 8;

export const saslExchange: Target = {
  name: "sasl-exchange",
  tokens: [
    ...MECHANISMS.map(({ name }) => `${name}\n`),
    ...["-\n", "=\n", "*\n", "\n"],
    ...[
      "AHVzZXIAcGVuY2ls",
      "dXNlcg==",
      "cGVuY2ls",
      "biwsbj11c2VyLHI9",
      "eSwsbj11c2VyLHI9",
      "biwsAWF1dGg9QmVhcmVyIA==",
    ],
  ],
  check: (octets, chance) => {
    const [name = "", initial, ...responses] = linesIn(octets);
    const mechanism = MECHANISMS.find((one) => one.name === name) ?? chance.pick(MECHANISMS);
    const binding = mechanism.name === "SCRAM-SHA-256" && name !== mechanism.name ? undefined : BINDING;
    const said: string[] = initial === "-" || initial === undefined ? [] : [initial];
    let progress = beginExchange(mechanism, said[0], binding);
    let granted = false;
    for (let turn = 0; turn < TURNS_MAX; turn++) {
      if (progress.kind === "check") {
        const checked = checkedOf(progress.check, said);
        granted ||= checked.kind === "granted";
        progress = progress.take(checked);
      } else if (progress.kind === "challenge") {
        assertBase64(progress.text);
        const response = responses.shift() ?? "*";
        said.push(response);
        progress = progress.respond(response);
      } else {
        return assertOutcome(progress, granted);
      }
    }
    assert.fail("an exchange without end");
  },
};

function assertOutcome(outcome: Progress, granted: boolean): void {
  assert.ok(["granted", "refused", "cancelled", "malformed", "not base64"].includes(outcome.kind));
  if (outcome.kind !== "granted") return;
  assert.ok(granted, "granted by nobody");
  assert.equal(outcome.account, ACCOUNT);
}

function assertBase64(text: string): void {
  assert.match(text, /^[A-Za-z0-9+/]*={0,2}$/);
  assert.equal(Buffer.from(text, "base64").toString("base64"), text);
}

const stored = hashScramSha256(PASSWORD, ITERATIONS, SALT).replace(/^\{.*\}/, "");

function checkedOf(check: Check, said: readonly string[]): Checked {
  const granted = { kind: "granted", account: ACCOUNT } as const;
  const refused = { kind: "refused" } as const;
  if (check.kind !== "token" || check.username !== undefined) assertText(check.username);
  switch (check.kind) {
    case "password":
      assertText(check.password);
      return check.username === "user" && check.password === PASSWORD ? granted : refused;
    case "token":
      assert.match(check.token, /^[A-Za-z0-9\-._~+/]+=*$/);
      return check.token === PASSWORD ? granted : refused;
    case "SCRAM keys": {
      const keys = parseScramSha256(Buffer.from(stored))?.scram;
      assert.ok(keys && "salt" in keys);
      return { kind: "keys", keys, account: check.username === "user" ? ACCOUNT : undefined, nonce: NONCE };
    }
    case "SCRAM proof":
      assert.equal(check.proved, isProof(said), "the proof");
      return check.proved && check.account !== undefined ? granted : refused;
  }
}

/** What goes on to a password check: of some length, and in one piece for programs that end a text with NUL. */
function assertText(text: string | undefined): void {
  assert.ok(text !== undefined && text !== "" && !text.includes("\0"));
}

const hmac = (key: Buffer, text: string) => createHmac("sha256", key).update(text).digest();
const clientKey = hmac(pbkdf2Sync(PASSWORD, SALT, ITERATIONS, 32, "sha256"), "Client Key");
const storedKey = createHash("sha256").update(clientKey).digest();

/** RFC 5802 §3, from the client's side: whether the last of its messages has the one proof that there is. */
function isProof(said: readonly string[]): boolean {
  const [first = "", final = ""] = said
    .filter((line) => line !== "=")
    .map((line) => Buffer.from(line, "base64").toString());
  const [, gs2 = "", bare = ""] = /^([^,]*,[^,]*,)(.*)$/s.exec(first) ?? [];
  const [, withoutProof = "", channel, proof] = /^(c=([^,]*),.*),p=([^,]*)$/s.exec(final) ?? [];
  const nonce = /(?:^|,)r=([^,]*)/.exec(bare)?.[1];
  const serverFirst = `r=${nonce}${NONCE},s=${SALT.toString("base64")},i=${ITERATIONS}`;
  const signature = hmac(storedKey, `${bare},${serverFirst},${withoutProof}`);
  const right = clientKey.map((octet, i) => octet ^ (signature[i] ?? 0));
  const bound = Buffer.concat([Buffer.from(gs2), gs2.startsWith("p=") ? BINDING : Buffer.alloc(0)]);
  assert.equal(channel, bound.toString("base64"), "the channel that was bound");
  return proof === Buffer.from(right).toString("base64");
}
