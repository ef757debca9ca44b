/** Messages of many pieces through the daemon: every octet, in order, whatever lies at the edges of the pieces. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { FsyncDurable } from "../../shared/durable.js";
import { createMaildir } from "../../shared/maildir/create.js";
import { type Pop3d, Site } from "../daemons/site.js";
import { Client } from "./client.js";

const PIECE = 64 * 1024;

/** Each with something of its own just where the daemon cuts. */
const MESSAGES: readonly [name: string, content: string][] = [
  ["lines of all lengths", lines(5_000_000)],
  ["an LF in the last octet of a piece, a dot in the next", `${"x".repeat(PIECE - 1)}\n.${lines(200_000)}`],
  ["CR and LF on either side", `${"x".repeat(PIECE - 1)}\r\n${lines(200_000)}`],
  ["nothing but line ends", "\n".repeat(5 * PIECE)],
  ["nothing but dots at the start of lines", ".\n".repeat(3 * PIECE)],
  ["exactly one piece", "x".repeat(PIECE)],
  ["exactly two pieces, ended", `${"x".repeat(2 * PIECE - 1)}\n`],
  ["one octet less than a piece", "x".repeat(PIECE - 1)],
];

let site: Site;
let pop3d: Pop3d;
before(async () => {
  site = await Site.make(["alice"]);
  const maildir = site.maildir("alice");
  await createMaildir(maildir, new FsyncDurable());
  for (const [i, [, content]] of MESSAGES.entries())
    await writeFile(`${maildir.new}/${i + 1}.m`, content, "latin1");
  pop3d = await site.pop3d();
});
after(async () => {
  await pop3d.daemon.kill();
  await site.remove();
});

for (const [i, [name, content]] of MESSAGES.entries()) {
  for (const tls of [false, true]) {
    test(`${name}, ${tls ? "TLS" : "TCP"}`, { timeout: 60_000 }, async () => {
      const client = tls ? await Client.connectTls(pop3d.pop3s) : await Client.connect(pop3d.pop3);
      await client.expect("+OK");
      await client.login();
      const withCrlf = content.replace(/(?<!\r)\n/g, "\r\n");
      await client.command(`LIST ${i + 1}`, `+OK ${i + 1} ${withCrlf.length}`);
      // Twice in one packet, and something behind, to see that nothing of one gets into the other.
      client.send(`RETR ${i + 1}\r\nRETR ${i + 1}\r\nTOP ${i + 1} 100000000\r\nNOOP\r\n`);
      const stuffed = withCrlf.replace(/(^|\r\n)\./g, "$1..");
      const expected = `${stuffed}${stuffed.endsWith("\r\n") ? "" : "\r\n"}.\r\n`;
      for (const reply of ["+OK", "+OK", "+OK"]) {
        await client.expect(reply);
        assert.ok((await client.take(expected.length)) === expected, "octet for octet");
      }
      await client.expect("+OK");
      await client.command("QUIT", "+OK");
      await client.rest();
    });
  }
}

/** Text of about so many octets, always the same: lines of any length, some with dots, CR, NUL and 8-bit octets. */
function lines(octets: number): string {
  const parts: string[] = [];
  let seed = 1;
  for (let length = 0; length < octets; length += parts.at(-1)?.length ?? 0) {
    seed = (seed * 48_271) % 2_147_483_647;
    const start = ["", ".", "..", "\0", "\xff", "\r"][seed % 11] ?? "";
    parts.push(`${start}${String(seed).repeat(seed % 17)}\n`);
  }
  return parts.join("");
}
