/** The octets that a daemon sends are those that it announced, in UTF-8 mode and outside it, whatever lies in the Maildir. */
import assert from "node:assert/strict";
import { isAscii } from "node:buffer";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { FsyncDurable } from "../../shared/durable.js";
import { createMaildir } from "../../shared/maildir/create.js";
import { Site } from "../daemons/site.js";
import { Client } from "./client.js";

const TIMEOUT = { timeout: 60_000 };

const MESSAGES: Readonly<Record<string, string>> = {
  "a field as long as what is read at a time": `X: ${"y".repeat(65_533)}`,
  "a field longer than that": `X: ${"y".repeat(70_000)}\nSubject: \xc3\xa9\n\nb\n`,
  "a field longer than that, and not ASCII": `X: ${"y ".repeat(70_000)}\xc3\xa9\nSubject: \xc3\xa9\n\n\xe9\n`,
  "a header longer than that": `${"X-Y: z\xe9\r\n".repeat(20_000)}\r\nb`,
  "a header of ten megabytes": `${"X-Y: a field like others\n".repeat(400_000)}Subject: \xc3\xa9\n\nb\n`,
  "all header": "Subject: \xc3\xa9",
  "a field that is left out, and nothing else": "Message-ID: <\xc3\xa9>",
  "a blank line across what is read at a time": `X: ${"y".repeat(65_531)}\xe9\n\n${"\xe9\n".repeat(70_000)}`,
  "dots and odd line ends": ".\xe9: \r\r\n.\n\r\n.\r\n.\xe9\r.\n",
  empty: "",
  NUL: "\0\n\0: \xe9\n\n\0",
};

for (const [what, content] of Object.entries(MESSAGES)) {
  test(what, TIMEOUT, async () => {
    const site = await Site.make(["alice"]);
    const maildir = site.maildir("alice");
    await createMaildir(maildir, new FsyncDurable());
    // The second has a size in its name, so that only its header is read at login.
    const stored = Buffer.from(content, "latin1");
    const wire = content.replace(/(?<!\r)\n/g, "\r\n").length;
    await writeFile(join(maildir.new, "1.foreign"), stored);
    await writeFile(join(maildir.new, `2.foreign,S=${stored.length},W=${wire}`), stored);
    const { daemon, pop3 } = await site.pop3d();
    try {
      const client = await Client.loggedIn(pop3);
      const surrogates = [await retrieved(client, 1), await retrieved(client, 2)];
      assert.equal(surrogates[0], surrogates[1]);
      const header = surrogates[0]?.replace(/^\r\n.*|(\r\n)\r\n.*/s, "$1") ?? "";
      assert.ok(isAscii(Buffer.from(header, "latin1")));
      await client.command("UTF8", "+OK");
      assert.equal(await retrieved(client, 1), content.replace(/(?<!\r)\n/g, "\r\n"));
      assert.equal(await retrieved(client, 2), content.replace(/(?<!\r)\n/g, "\r\n"));
      await client.command("QUIT", "+OK");
      await client.rest();
      assert.deepEqual(
        daemon.log.filter(({ msg }) => msg.includes("size")),
        [],
      );
    } finally {
      await daemon.stop();
      await site.remove();
    }
  });
}

/** A message, latin1, which must be of the size that LIST says; a line end that it does not have is not a part of it. */
async function retrieved(client: Client, number: number): Promise<string> {
  const [, , octets] = (await client.command(`LIST ${number}`, "+OK")).split(" ");
  assert.equal(await client.command(`RETR ${number}`, "+OK"), `+OK ${octets} octets`);
  const text = (await client.lines()).map((line) => `${line.replace(/^\./, "")}\r\n`).join("");
  assert.ok([0, 2].includes(text.length - Number(octets)), `${text.length} octets, announced were ${octets}`);
  return text.slice(0, Number(octets));
}
