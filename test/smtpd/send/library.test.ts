/** What the version of nodemailer that is installed has of all that we build upon. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import SMTPConnection from "nodemailer/lib/smtp-connection";
import { hasInternals } from "../../../smtpd/send/library.js";

test("it has the methods and fields that Session overrides and calls", () => {
  assert.ok(hasInternals(SMTPConnection));
});

test("one that has not is not taken", () => {
  assert.ok(!hasInternals(undefined));
  assert.ok(!hasInternals({}));
  for (const name of ["_onData", "_sendCommand"]) {
    const without = class extends SMTPConnection {};
    Reflect.set(without.prototype, name, undefined);
    assert.ok(!hasInternals(without), name);
  }
  for (const name of ["_responseActions", "_socket", "secure", "destroyed"]) {
    const without = class extends SMTPConnection {
      constructor() {
        super({});
        Reflect.deleteProperty(this, name);
      }
    };
    assert.ok(!hasInternals(without), name);
  }
});

test("its version is pinned", () => {
  const { dependencies } = JSON.parse(
    readFileSync(new URL("../../../../package.json", import.meta.url), "utf8"),
  );
  assert.match(dependencies.nodemailer, /^\d+\.\d+\.\d+$/);
});
