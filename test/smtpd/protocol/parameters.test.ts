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
    assert.deepEqual(readMailParameters("", OFFER), {
      size: undefined,
      body: "7BIT",
      smtputf8: false,
      ret: undefined,
      envid: undefined,
    });
  });

  test("all of them, in any case and order", () => {
    const text = " smtputf8 body=8bitMIME Size=1000 AUTH=<> ret=Hdrs EnvId=a+20+2Bb";
    assert.deepEqual(readMailParameters(text, OFFER), {
      size: 1000,
      body: "8BITMIME",
      smtputf8: true,
      ret: "HDRS",
      envid: "a +b",
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
    [" RET=FULL", undefined],
    [" RET", 501],
    [" RET=", 501],
    [" RET=BODY", 501],
    [" RET=FULL RET=HDRS", 501],
    [" ENVID=x", undefined],
    [` ENVID=${"x".repeat(100)}`, undefined],
    [` ENVID=${"x".repeat(101)}`, 501],
    [" ENVID", 501],
    [" ENVID=", 501],
    [" ENVID=x+", 501],
    [" ENVID=x+2", 501],
    [" ENVID=x+2b", 501],
    [" ENVID=x+0D+0ABcc:+20y", 501],
    [" ENVID=x+00", 501],
    [" ENVID=+C3+A9", 501],
    [" ENVID=x ENVID=y", 501],
    [" NOTIFY=NEVER", 555],
    [" ORCPT=rfc822;a@b.example", 555],
    [" REQUIRETLS", 555],
    [" X", 555],
    [" X=1 X=1", 501],
    [" =1", 501],
    [" -X=1", 501],
    [" X==1", 501],
    [" X=\xe9", 555],
    [" SMTPUTF8 ENVID=\xe9", 501],
    [" AUTH=a+40b.example", undefined],
    [" AUTH=a@b.example", undefined],
    [" AUTH=+C3+A9@b.example", undefined],
    [" AUTH=+E9@b.example", 501],
    [" AUTH=a", 501],
    [" AUTH=<a@b.example>", 501],
    [" AUTH=a+40b.example+20", 501],
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
  const PLAIN = { smtputf8: false };
  const rcpt = (text: string, offer = PLAIN) => {
    const read = readRcptParameters(text, offer);
    return "code" in read ? read.code : read;
  };

  for (const [value, notify] of [
    ["NEVER", []],
    ["never", []],
    ["SUCCESS", ["SUCCESS"]],
    ["delay,Success,FAILURE", ["DELAY", "SUCCESS", "FAILURE"]],
    ["NEVER,SUCCESS", 501],
    ["NEVER,NEVER", 501],
    ["SUCCESS,SUCCESS", 501],
    ["SUCCESS,", 501],
    [",SUCCESS", 501],
    ["SUCCESS,,DELAY", 501],
    ["ALWAYS", 501],
  ] as const) {
    test(`NOTIFY=${value}`, () =>
      assert.deepEqual(
        rcpt(` NOTIFY=${value}`),
        typeof notify === "number" ? notify : { notify, orcpt: undefined },
      ));
  }

  for (const [text, code] of [
    [" NOTIFY", 501],
    [" NOTIFY=", 501],
    [" NOTIFY=NEVER NOTIFY=NEVER", 501],
    [" ORCPT", 501],
    [" ORCPT=a@b.example", 501],
    [" RET=FULL", 555],
    [" SMTPUTF8", 555],
    [" =", 501],
  ] as const) {
    test(`${JSON.stringify(text)}: ${code}`, () => assert.equal(rcpt(text), code));
  }

  test("what was said, and nothing else", () => {
    assert.deepEqual(rcpt(" "), { notify: undefined, orcpt: undefined });
    assert.deepEqual(rcpt(" ORCPT=rfc822;a+2Bx@b.example notify=delay"), {
      notify: ["DELAY"],
      orcpt: "rfc822;a+x@b.example",
    });
  });

  test("ORCPT beyond US-ASCII where SMTPUTF8 was said, and there alone", () => {
    assert.equal(rcpt(" ORCPT=utf-8;\u00fc@b.example"), 501);
    assert.deepEqual(rcpt(" ORCPT=utf-8;\u00fc@b.example", { smtputf8: true }), {
      notify: undefined,
      orcpt: "utf-8;\u00fc@b.example",
    });
  });
});
