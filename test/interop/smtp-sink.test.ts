/**
 * Postfix's smtp-sink as the next host, with each of its faults: what becomes of the recipient, of the queue and of the
 * sender. And its smtp-source, which sends to us.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { runProgram } from "../daemons/program.js";
import { DOMAIN, Site, type Smtpd } from "../daemons/site.js";
import { SmtpClient } from "../fakes/smtp-client.js";
import { runsAsRoot } from "../nobody.js";
import { inapplicable, without } from "../peers.js";
import { type Endpoint, freeEndpoint } from "./mta/peer.js";
import { SMTP_SINK, startSmtpSink } from "./mta/smtp-sink.js";
import { succeed } from "./run.js";

const SMTP_SOURCE = "/usr/sbin/smtp-source";

interface Row {
  readonly flags: readonly string[];
  /** "sent", or what becomes of it and by which status. */
  readonly fate: "sent" | `deferred ${string}` | `failed ${string}`;
  /** Octets in a line of the message, and lines; by default a short one. */
  readonly lines?: number;
  readonly protocol?: "lmtp";
  readonly asRoot?: true;
}

const VERBS_OF_A_MESSAGE = ["MAIL", "RCPT", "DATA", "."] as const;

const ROWS: readonly Row[] = [
  { flags: [], fate: "sent" },
  { flags: ["-L"], fate: "sent", protocol: "lmtp" },
  // What it announces.
  { flags: ["-8"], fate: "sent" },
  { flags: ["-a", "-C", "-F"], fate: "sent" },
  { flags: ["-e"], fate: "sent" },
  { flags: ["-E", "-N", "-p"], fate: "sent" },
  { flags: ["-P"], fate: "sent" },
  { flags: ["-h", "mail.sink.test"], fate: "sent" },
  { flags: ["-s", "MAIL,RCPT"], fate: "sent" },
  { flags: ["-R", "/tmp"], fate: "sent", asRoot: true },
  // Slow, and small windows.
  { flags: ["-w", "1"], fate: "sent" },
  { flags: ["-H", "1", "-T", "2000"], fate: "sent", lines: 20_000 },
  { flags: ["-w", "60"], fate: "deferred 4.4.2" },
  // Without PIPELINING, since it replies to what comes next meanwhile.
  { flags: ["-p", "-W", "MAIL:60"], fate: "deferred 4.4.2" },
  { flags: ["-p", "-W", "RCPT:60"], fate: "deferred 4.4.2" },
  { flags: ["-p", "-W", ".:60"], fate: "deferred 4.4.2" },
  { flags: ["-W", "EHLO:60"], fate: "deferred 4.4.2" },
  // A 550 to a message that was asked for: in one packet with the 354 it is no reply to anything, later it is a refusal.
  { flags: ["-A", "0"], fate: "deferred 4.5.0" },
  { flags: ["-A", "1"], fate: "failed 5.0.0", lines: 200_000 },
  // Refusals of what does not matter, or not any more.
  { flags: ["-f", "EHLO"], fate: "sent" },
  { flags: ["-f", "NOOP,RSET,VRFY,QUIT"], fate: "sent" },
  { flags: ["-r", "QUIT"], fate: "sent" },
  { flags: ["-q", "QUIT"], fate: "sent" },
  { flags: ["-Q", "QUIT"], fate: "sent" },
  // Refusals for good: of the message, or of the client, who may be a better one another time.
  ...VERBS_OF_A_MESSAGE.map((verb): Row => ({ flags: ["-f", verb], fate: "failed 5.3.0" })),
  { flags: ["-f", "RCPT", "-B", "550 5.1.1 no such user"], fate: "failed 5.1.1" },
  { flags: ["-f", ".", "-B", "554 no"], fate: "failed 5.0.0" },
  { flags: ["-L", "-f", "."], fate: "failed 5.3.0", protocol: "lmtp" },
  { flags: ["-f", "CONNECT"], fate: "deferred 4.3.0" },
  { flags: ["-f", "EHLO,HELO"], fate: "deferred 4.3.0" },
  // Refusals for now.
  ...["CONNECT", "EHLO,HELO", ...VERBS_OF_A_MESSAGE].map(
    (verb): Row => ({ flags: ["-r", verb], fate: "deferred 4.3.0" }),
  ),
  { flags: ["-r", "RCPT", "-b", "452 4.2.2 mailbox full"], fate: "deferred 4.2.2" },
  { flags: ["-r", "RCPT", "-b", "450 busy"], fate: "deferred 4.0.0" },
  { flags: ["-L", "-r", "."], fate: "deferred 4.3.0", protocol: "lmtp" },
  // Cut off, without a word and with 421.
  ...["CONNECT", "EHLO", ...VERBS_OF_A_MESSAGE].flatMap((verb): Row[] => [
    { flags: ["-q", verb], fate: "deferred 4.4.2" },
    { flags: ["-Q", verb], fate: "deferred 4.0.0" },
  ]),
];

/** Short, so that a sink that hangs does so in bounded time; a flush, and not the schedule, brings the next attempt. */
const TABLES = `
[queue]
retry = ["1h"]
[relay]
networks = ["127.0.0.1"]
command_time = "3s"
data_start_time = "3s"
data_end_time = "3s"
`;

describe("smtp-sink", { skip: without(SMTP_SINK), timeout: 300_000 }, () => {
  let site: Site;
  let smtpd: Smtpd;
  const endpoints: Endpoint[] = [];

  before(async () => {
    site = await Site.make(["alice"]);
    const routes = [];
    for (const [index, { protocol }] of ROWS.entries()) {
      const endpoint = await freeEndpoint();
      endpoints.push(endpoint);
      const host = `${protocol === "lmtp" ? "lmtp:" : ""}${endpoint.address}:${endpoint.port}`;
      routes.push(`[[route]]\ndomain = "${domainOf(index)}"\nhost = "${host}"`);
    }
    smtpd = await site.smtpd({ tables: [TABLES, ...routes].join("\n") });
  });
  after(async () => {
    await smtpd.daemon.stop();
    await site.remove();
  });

  for (const [index, { flags, fate, lines = 1, protocol, asRoot }] of ROWS.entries()) {
    const skip = asRoot && !runsAsRoot && inapplicable("only root may change the root directory");
    test(`${flags.join(" ") || "as it is"}: ${fate}`, { skip }, async (t) => {
      const endpoint = endpoints[index];
      assert.ok(endpoint);
      const domain = domainOf(index);
      const [sender, recipient] = [`alice+${index}@${DOMAIN}`, `bob@${domain}`];
      const sink = await startSmtpSink(t, endpoint, flags);
      const queued = async () => {
        const words = ["queue", "list", "--json", "--domain", domain, "--config", smtpd.daemon.configFile];
        return (await runProgram("smtpd", words)).stdout;
      };

      await submit(smtpd.mx, sender, recipient, lines);
      const [word = "", status = "2.0.0"] = fate.split(" ");
      const line = await smtpd.daemon.logged(
        ({ msg, to }) => to === recipient && /^(?:sent|deferred|failed|expired)$/.test(msg),
      );
      assert.equal(line.msg, word, JSON.stringify(line));
      if (word !== "sent") assert.equal(line.status, status, JSON.stringify(line));
      // What is changed to another root has no folder for copies there.
      if (word === "sent" && !asRoot) assertWhole(await sink.messages(), lines);

      if (word === "failed") {
        await smtpd.daemon.logged(({ msg, to }) => msg === "sent" && to === sender);
        const notices = (await site.messages("alice")).map(({ content }) => content.toString());
        const told = notices.filter((text) => text.includes(`Final-Recipient: rfc822;${recipient}\n`));
        assert.equal(told.length, 1);
        assert.match(told[0] ?? "", /^Action: failed$/m);
        assert.match(told[0] ?? "", new RegExp(`^Status: ${status}$`, "m"));
      }
      if (word !== "deferred") return assert.equal(await queued(), "");

      assert.match(await queued(), new RegExp(`"status":"${status}"`));
      await sink.stop();
      const well = await startSmtpSink(t, endpoint, protocol === "lmtp" ? ["-L"] : []);
      const words = ["queue", "flush", "--domain", domain, "--config", smtpd.daemon.configFile];
      assert.equal((await runProgram("smtpd", words)).code, 0);
      await smtpd.daemon.logged(({ msg, to }) => msg === "sent" && to === recipient);
      assertWhole(await well.messages(), lines);
    });
  }
});

describe("smtp-source", { skip: without(SMTP_SINK, SMTP_SOURCE), timeout: 120_000 }, () => {
  test("sends 60 messages to 5 recipients each from 10 sessions at once, and all leave", async (t) => {
    const endpoint = await freeEndpoint();
    const sink = await startSmtpSink(t, endpoint, []);
    const site = await Site.make(["alice"]);
    t.after(() => site.remove());
    const host = `${endpoint.address}:${endpoint.port}`;
    const tables = `[relay]\nnetworks = ["127.0.0.1"]\nsmarthost = "${host}"\ntls = "never"\n`;
    const { daemon, mx } = await site.smtpd({ tables });
    t.after(() => daemon.stop());

    const load = ["-s", "10", "-m", "60", "-r", "5", "-l", "8192"];
    const from = ["-f", `alice@${DOMAIN}`, "-t", "bob@elsewhere.test"];
    await succeed(SMTP_SOURCE, [...load, ...from, `127.0.0.1:${mx}`]);
    const sent = new Set<string>();
    await daemon.logged(({ msg, to, queueId }) => {
      if (msg === "sent" && String(to).endsWith("elsewhere.test")) sent.add(`${queueId} ${to}`);
      return sent.size === 300;
    });
    const messages = await sink.messages();
    assert.equal(messages.length, 60);
    assert.equal(new Set(messages.map((text) => /id <?([0-9A-Z]{14})/.exec(text)?.[1])).size, 60);
  });

  test("delivers over LMTP to a mailbox, on connections that it keeps", async (t) => {
    const site = await Site.make(["alice"]);
    t.after(() => site.remove());
    const tables = '[[listen]]\naddress = "127.0.0.1:0"\nrole = "lmtp"\n';
    const { daemon } = await site.smtpd({ tables });
    t.after(() => daemon.stop());
    const args = ["-L", "-d", "-s", "3", "-m", "20", "-l", "2000", "-f", "x@elsewhere.test"];
    await succeed(SMTP_SOURCE, [...args, "-t", `alice@${DOMAIN}`, `127.0.0.1:${daemon.ports.at(-1)}`]);
    assert.equal((await site.messages("alice")).length, 20);
  });
});

function domainOf(index: number): string {
  return `row${index}.test`;
}

const LINE = "..x".padEnd(70, "y");

async function submit(port: number, from: string, to: string, lines: number): Promise<void> {
  const client = await SmtpClient.greeted(port);
  await client.envelope(`<${from}>`, `<${to}>`);
  assert.equal(await client.says("DATA"), "354");
  client.send(`From: ${from}\r\nSubject: s\r\n\r\n${`.${LINE}\r\n`.repeat(lines)}.\r\n`);
  assert.equal((await client.reply()).code, 250);
  client.end();
}

/** That there is one copy, and that it has every line, with the dots that it came with. */
function assertWhole(copies: readonly string[], lines: number): void {
  assert.equal(copies.length, 1);
  const body = copies[0]?.slice(copies[0].indexOf("\n\n") + 2).trimEnd();
  assert.ok(body === `${LINE}\n`.repeat(lines).trimEnd(), `${copies[0]?.length} octets have arrived`);
}
