/** The parameters of MAIL and RCPT. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  parseParameters,
  readMailParameters,
  readRcptParameters,
} from "../../../smtpd/protocol/parameters.js";

const OFFER = { messageSize: 1000, auth: true };

function codeOf(text: string, offer = OFFER): number | undefined {
  const read = readMailParameters(text, offer);
  return "code" in read ? read.code : undefined;
}

describe("parameters of MAIL", () => {
  test("none", () => {
    assert.deepEqual(readMailParameters("", OFFER), { size: undefined, body: "7BIT", smtputf8: false });
  });

  test("all of them, in any case and order", () => {
    assert.deepEqual(readMailParameters(" smtputf8 body=8bitMIME Size=1000 AUTH=<>", OFFER), {
      size: 1000,
      body: "8BITMIME",
      smtputf8: true,
    });
  });

  for (const [text, code] of [
    [" SIZE=1001", 552],
    [" SIZE=99999999999999999999", 552],
    [" SIZE=", 501],
    [" SIZE", 501],
    [" SIZE=-1", 501],
    [" SIZE=1e2", 501],
    [" SIZE=0x10", 501],
    [" SIZE=999999999999999999999", 501],
    [" SIZE=1 SIZE=1", 501],
    [" SIZE=1 size=1", 501],
    [" BODY=BINARYMIME", 501],
    [" BODY", 501],
    [" SMTPUTF8=1", 501],
    [" RET=FULL", 555],
    [" ENVID=x", 555],
    [" REQUIRETLS", 555],
    [" X", 555],
    [" X=1 X=1", 501],
    [" =1", 501],
    [" -X=1", 501],
    [" X==1", 501],
    [" X=\xe9", 501],
    [" AUTH=a+40b.example", undefined],
    [" AUTH=a+4", 501],
    [" AUTH=a+4x", 501],
    [" AUTH", 501],
    ["  SIZE=1  SMTPUTF8  ", undefined],
  ] as const) {
    test(`${JSON.stringify(text)}: ${code ?? "taken"}`, () => assert.equal(codeOf(text), code));
  }

  test("AUTH where it was not announced", () =>
    assert.equal(codeOf(" AUTH=<>", { ...OFFER, auth: false }), 555));

  test("no text makes it throw, and what is read can be written again", () => {
    const keyword = fc.stringMatching(/^[A-Z0-9][A-Z0-9-]{0,8}$/);
    const value = fc.option(fc.stringMatching(/^[!-<>-~]{1,8}$/), { nil: undefined });
    fc.assert(
      fc.property(fc.uniqueArray(fc.tuple(keyword, value), { selector: ([name]) => name }), (pairs) => {
        const text = pairs
          .map(([name, given]) => ` ${name}${given === undefined ? "" : `=${given}`}`)
          .join("");
        assert.deepEqual([...(parseParameters(text) ?? [])], pairs);
      }),
    );
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => void readMailParameters(text, OFFER)));
  });
});

describe("parameters of RCPT", () => {
  for (const [text, code] of [
    ["", undefined],
    [" ", undefined],
    [" NOTIFY=NEVER", 555],
    [" ORCPT=rfc822;a@b.example", 555],
    [" NOTIFY=NEVER NOTIFY=NEVER", 501],
    [" =", 501],
  ] as const) {
    test(`${JSON.stringify(text)}: ${code ?? "taken"}`, () =>
      assert.equal(readRcptParameters(text)?.code, code));
  }
});
