/**
 * The arguments of MAIL and RCPT: what is taken can be written again and then reads the same, and nothing of it could break
 * out of a command or of a header field. The input is an argument, `FROM:<…> …` or `TO:<…> …`.
 */
import assert from "node:assert/strict";
import { formatMailbox, isAscii, parseMailbox } from "../../../shared/address.js";
import { formatOrcpt, parseOrcpt } from "../../../smtpd/orcpt.js";
import { readMailParameters, readRcptParameters } from "../../../smtpd/protocol/parameters.js";
import { parsePathArgument } from "../../../smtpd/protocol/path.js";
import { formatXtext, parseXtext } from "../../../smtpd/xtext.js";
import type { Target } from "../target.js";

const CONTROL = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u;
const OFFER = { messageSize: 1000, auth: true };

export const mailArguments: Target = {
  name: "mail-arguments",
  tokens: [
    ...["FROM:<", "TO:<", "> ", "<>", "Postmaster", "@one.example:", '"a b"@', "@[IPv6:2001:db8::1]", "xn--"],
    ...[" SIZE=1000", " BODY=8BITMIME", " SMTPUTF8", " RET=HDRS", " ENVID=", " AUTH=", " AUTH=<>"],
    ...[" NOTIFY=NEVER", " NOTIFY=", "SUCCESS,", "DELAY", " ORCPT=rfc822;", " ORCPT=utf-8;"],
    ...["+2B", "+0A", "+C3+BC", "\\x{FC}", "\\x{1F4EE}", "\\x{A}", "\xc3\xbc", "\xe2\x80\xae"],
  ],
  check: (argument) => {
    for (const keyword of ["FROM", "TO"] as const) {
      const parsed = parsePathArgument(keyword, argument);
      if (parsed === undefined) continue;
      const { path, international, parameters } = parsed;
      if (path.kind === "mailbox") {
        const text = formatMailbox(path.mailbox);
        assert.ok(!CONTROL.test(text));
        assert.deepEqual(parseMailbox(text), path.mailbox);
        assert.ok(international || isAscii(path.mailbox.localPart));
      }
      checkMail(parameters);
      for (const smtputf8 of [false, true]) checkRcpt(parameters, { smtputf8 });
    }
  },
};

function checkMail(parameters: string): void {
  const read = readMailParameters(parameters, OFFER);
  if ("code" in read) {
    assert.ok([501, 552, 555].includes(read.code));
    return;
  }
  assert.ok(read.size === undefined || (Number.isSafeInteger(read.size) && read.size <= OFFER.messageSize));
  if (read.envid === undefined) return;
  assert.match(read.envid, /^[\x20-\x7e]{1,100}$/);
  assert.equal(parseXtext(formatXtext(read.envid)), read.envid);
}

function checkRcpt(parameters: string, offer: { readonly smtputf8: boolean }): void {
  const read = readRcptParameters(parameters, offer);
  if ("code" in read) {
    assert.ok([501, 555].includes(read.code));
    return;
  }
  assert.equal(new Set(read.notify).size, read.notify?.length ?? 0);
  if (read.orcpt === undefined) return;
  assert.ok(!CONTROL.test(read.orcpt));
  for (const onward of [{ smtputf8: false }, { smtputf8: true }]) {
    const value = formatOrcpt(read.orcpt, onward);
    if (value === undefined) continue;
    assert.match(value, onward.smtputf8 ? /^[^\s=]+$/u : /^[!-<>-~]+$/);
    assert.equal(parseOrcpt(value, onward), read.orcpt);
  }
}
