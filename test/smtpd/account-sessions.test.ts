/** How many sessions an account may have that submits mail. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PASSWORD, Site } from "../daemons/site.js";
import { SmtpClient } from "../fakes/smtp-client.js";

test("an account has so many sessions, and one that ends, however it ends, makes room", {
  timeout: 60_000,
}, async (t) => {
  const site = await Site.make();
  t.after(() => site.remove());
  const { daemon, submission } = await site.smtpd({ tables: "[limits]\nconnections_per_account = 1" });
  t.after(() => daemon.kill());
  const auth = (user: string) => `AUTH PLAIN ${Buffer.from(`\0${user}\0${PASSWORD}`).toString("base64")}`;
  const closed = (count: number) =>
    daemon.logged(() => daemon.log.filter(({ msg }) => msg === "connection closed").length === count);

  const first = await SmtpClient.greeted(submission);
  assert.equal(await first.says(auth("alice")), "235 2.7.0");
  const second = await SmtpClient.greeted(submission);
  assert.equal(await second.says(auth("alice")), "421 4.7.0");
  await second.untilClosed();
  const other = await SmtpClient.greeted(submission);
  assert.equal(await other.says(auth("bob")), "235 2.7.0");

  first.vanish();
  await closed(2);
  const third = await SmtpClient.greeted(submission);
  assert.equal(await third.says(auth("alice")), "235 2.7.0");
  await third.says("QUIT");
  await closed(3);
  const fourth = await SmtpClient.greeted(submission);
  assert.equal(await fourth.says(auth("alice")), "235 2.7.0");
  for (const client of [other, fourth]) client.end();
});
