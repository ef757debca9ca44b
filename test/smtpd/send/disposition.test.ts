/** The table of what becomes of a recipient, row by row, without any host. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { dispositionOf } from "../../../smtpd/send/disposition.js";
import type { Failure, Happening, Stage } from "../../../smtpd/send/hop.js";

const BEFORE_MAIL = ["greeting", "hello", "tls", "login"] as const;
const STAGES: readonly Stage[] = ["connect", ...BEFORE_MAIL, "mail", "rcpt", "data", "message", "end"];

/** Stage, reply as `550 5.1.1`, what is done. */
const REPLIES: readonly [stage: Stage, reply: string, done: string][] = [
  ["greeting", "554", "next host 4.0.0"],
  ["greeting", "554 5.7.1", "next host 4.7.1"],
  ["greeting", "450", "next host 4.0.0"],
  ["hello", "550 5.7.1", "next host 4.7.1"],
  ["hello", "502", "next host 4.0.0"],
  ["hello", "451 4.3.0", "next host 4.3.0"],
  ["tls", "454 4.7.0", "next host 4.7.4"],
  ["tls", "502", "next host 4.7.4"],
  ["login", "535 5.7.8", "next host 4.7.8"],
  ["login", "454 4.7.0", "next host 4.7.8"],
  ["mail", "550 5.7.1", "bounce 5.7.1"],
  ["mail", "552 5.3.4", "bounce 5.3.4"],
  ["mail", "451", "next host 4.0.0"],
  ["mail", "452 4.3.1", "next host 4.3.1"],
  ["rcpt", "550 5.1.1", "bounce 5.1.1"],
  ["rcpt", "550", "bounce 5.0.0"],
  ["rcpt", "571", "bounce 5.0.0"],
  ["rcpt", "450 4.2.0", "defer 4.2.0"],
  ["rcpt", "452 4.5.3", "defer 4.5.3"],
  // RFC 5321 §4.5.3.1.10
  ["rcpt", "552", "defer 4.5.3"],
  ["rcpt", "552 5.2.2", "defer 4.2.2"],
  ["data", "554 5.5.1", "bounce 5.5.1"],
  ["data", "451 4.3.0", "next host 4.3.0"],
  ["message", "552 5.3.4", "bounce 5.3.4"],
  ["message", "452 4.3.1", "next host 4.3.1"],
  ["end", "250 2.6.0", "delivered 2.6.0"],
  ["end", "250", "delivered 2.0.0"],
  ["end", "554 5.6.0", "bounce 5.6.0"],
  ["end", "552", "bounce 5.0.0"],
  ["end", "451 4.7.1", "defer 4.7.1"],
  // Nothing but a 2xx at the end is a delivery.
  ["end", "354", "defer 4.5.0"],
  ["data", "250", "next host 4.5.0"],
  ["rcpt", "250", "next host 4.5.0"],
  ["greeting", "250", "next host 4.5.0"],
];

for (const [stage, text, done] of REPLIES) {
  test(`${text} at ${stage}: ${done}`, () => assert.equal(told(replied(stage, text)), done));
}

for (const stage of STAGES) {
  test(`421 at ${stage} is about the host`, () => {
    assert.equal(dispositionOf(replied(stage, "421")).kind, "next host");
  });
}

const FAILURES: readonly [stage: Stage, failure: Failure, done: string][] = [
  ["connect", "unreachable", "next host 4.4.1"],
  ["connect", "timeout", "next host 4.4.1"],
  ["greeting", "timeout", "next host 4.4.2"],
  ["hello", "closed", "next host 4.4.2"],
  ["tls", "tls", "next host 4.7.5"],
  ["login", "login", "next host 4.7.8"],
  ["prepare", "too big", "bounce 5.3.4"],
  ["prepare", "needs SMTPUTF8", "bounce 5.6.7"],
  ["prepare", "unreadable", "defer 4.3.0"],
  ["message", "unreadable", "defer 4.3.0"],
  ["mail", "timeout", "next host 4.4.2"],
  ["mail", "protocol", "next host 4.5.0"],
  ["rcpt", "closed", "next host 4.4.2"],
  ["data", "timeout", "next host 4.4.2"],
  ["message", "closed", "next host 4.4.2"],
  ["message", "timeout", "next host 4.4.2"],
  // It may have the message: the next host would have it for certain.
  ["end", "closed", "defer 4.4.2"],
  ["end", "timeout", "defer 4.4.2"],
  ["end", "protocol", "defer 4.5.0"],
  ["end", "stopping", "defer 4.3.2"],
  ["mail", "stopping", "defer 4.3.2"],
  ["prepare", "unknown", "defer 4.3.0"],
];

for (const [stage, failure, done] of FAILURES) {
  test(`${failure} at ${stage}: ${done}`, () =>
    assert.equal(told({ kind: "failure", stage, failure }), done));
}

test("the class of the status is that of what is done, and what a host says before MAIL is never permanent", () => {
  for (const stage of STAGES) {
    for (let code = 200; code < 600; code++) {
      for (const status of ["", " 2.1.0", " 4.1.0", " 5.1.0"]) {
        const { kind, status: own } = dispositionOf(replied(stage, `${code}${status}`));
        assert.equal(own[0], kind === "delivered" ? "2" : kind === "bounce" ? "5" : "4", `${code} ${stage}`);
        if (kind === "delivered") assert.ok(stage === "end" && code < 300);
        if (kind === "bounce") assert.ok(code >= 500 && !BEFORE_MAIL.some((before) => before === stage));
      }
    }
  }
});

function told(happening: Happening): string {
  const { kind, status } = dispositionOf(happening);
  return `${kind} ${status}`;
}

/** As the reader of replies would make it: a status whose class is not that of the code is none. */
function replied(stage: Stage, text: string): Happening {
  const [code = "", status] = text.split(" ");
  const fits = status?.[0] === code[0] ? status : undefined;
  return { kind: "reply", stage, reply: { code: Number(code), status: fits, lines: ["text"] } };
}
