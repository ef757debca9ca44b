/** A real smtpd whose users' mail meets hosts that refuse it, are away or know nothing of DSNs: what the users are told. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { DOMAIN, PASSWORD, Site, type Smtpd } from "../../../daemons/site.js";
import { fieldOf, readFields, readMultipart } from "../../../fakes/multipart.js";
import { SINK_EXTENSIONS, Sink } from "../../../fakes/sink.js";
import { SmtpClient } from "../../../fakes/smtp-client.js";

const ALICE = `alice@${DOMAIN}`;
const TEXT = "From: <alice@pillarbox.test>\r\nSubject: Lunch?\r\n\r\nAt noon?\r\n.\r\n";
/** What a notice says of one recipient. */
type Told = readonly [recipient: string, action: string, status: string];

interface Hosts {
  /** By the recipients' domain. */
  readonly sinks: Readonly<Record<string, Pick<Sink, "port">>>;
  readonly queue?: string;
  readonly aliases?: string;
}

class Post {
  readonly site: Site;
  readonly smtpd: Smtpd;

  constructor(site: Site, smtpd: Smtpd) {
    this.site = site;
    this.smtpd = smtpd;
  }

  static async open(t: TestContext, { sinks, queue = "", aliases }: Hosts): Promise<Post> {
    const site = await Site.make(["alice", "bob"], aliases);
    t.after(() => site.remove());
    const routes = Object.entries(sinks).map(
      ([domain, { port }]) => `[[route]]\ndomain = "${domain}"\nhost = "127.0.0.1:${port}"\n`,
    );
    const smtpd = await site.smtpd({ tables: `[queue]\n${queue}\n${routes.join("")}` });
    t.after(() => smtpd.daemon.stop());
    return new Post(site, smtpd);
  }

  /** Alice submits a message. @param rcpts `<bob@example.net> NOTIFY=NEVER` */
  submit(...rcpts: readonly string[]): Promise<void> {
    return this.submitAs(ALICE, ...rcpts);
  }

  /** The same with another address of hers. */
  async submitAs(from: string, ...rcpts: readonly string[]): Promise<void> {
    const client = await SmtpClient.greeted(this.smtpd.submissions, { tls: true });
    const secret = Buffer.from(`\0${ALICE}\0${PASSWORD}`).toString("base64");
    assert.equal(await client.says(`AUTH PLAIN ${secret}`), "235 2.7.0");
    assert.ok(
      (await client.envelope(`<${from}> ENVID=QQ1`, ...rcpts)).every((said) => said.startsWith("250")),
    );
    assert.match(await client.data(TEXT), /^250/);
    client.end();
  }

  /** Waits until so many lines of the log say `msg` about mail to an address. */
  async logged(msg: string, to: string, times = 1): Promise<void> {
    const { daemon } = this.smtpd;
    await daemon.logged(
      () => daemon.log.filter((line) => line.msg === msg && line.to === to).length >= times,
    );
  }

  /** What the notices in a mailbox tell, each a list. */
  async told(user = "alice"): Promise<Told[][]> {
    const messages = await this.site.messages(user);
    const notices = messages.filter(({ content }) => content.includes("multipart/report"));
    return notices.map(({ content }) => {
      const { parts } = readMultipart(content);
      const [, status] = parts;
      const [message = "", ...recipients] = (status?.content.toString() ?? "").split("\n\n");
      assert.equal(fieldOf(readFields(`${message}\n`), "original-envelope-id"), "QQ1");
      return recipients.map((group) => {
        const fields = readFields(group.endsWith("\n") ? group : `${group}\n`);
        return [fieldOf(fields, "final-recipient"), fieldOf(fields, "action"), fieldOf(fields, "status")];
      });
    });
  }
}

test("a refusal is told once, and not of whom the sender wants to hear nothing", async (t) => {
  const sink = await Sink.start(t, { script: { RCPT: "550 5.1.1 no such user" } });
  const post = await Post.open(t, { sinks: { "elsewhere.test": sink } });
  await post.submit(
    "<bob@elsewhere.test>",
    "<carol@elsewhere.test> NOTIFY=NEVER",
    "<dave@elsewhere.test> NOTIFY=SUCCESS,DELAY",
    "<erin@elsewhere.test> NOTIFY=FAILURE ORCPT=rfc822;Erin@Elsewhere.test",
  );
  await post.logged("sent", ALICE);
  // Had there been another notice about the first message, it would have come before.
  await post.submit("<frank@elsewhere.test>");
  await post.logged("sent", ALICE, 2);
  assert.deepEqual(await post.told(), [
    [
      ["rfc822;bob@elsewhere.test", "failed", "5.1.1"],
      ["rfc822;erin@elsewhere.test", "failed", "5.1.1"],
    ],
    [["rfc822;frank@elsewhere.test", "failed", "5.1.1"]],
  ]);
});

test("a host that cannot be reached is told once, when the time is over", async (t) => {
  const sink = await Sink.start(t);
  const { port } = sink;
  await sink.stop();
  const queue = 'retry = ["100ms"]\nlifetime = "1s"\ndelay_warning = "0s"';
  const post = await Post.open(t, { sinks: { "elsewhere.test": { port } }, queue });
  await post.submit("<bob@elsewhere.test>");
  await post.logged("sent", ALICE);
  assert.deepEqual(await post.told(), [[["rfc822;bob@elsewhere.test", "failed", "5.4.7"]]]);
});

test("a delay is told once", async (t) => {
  let busy = true;
  const sink = await Sink.start(t, { script: { RCPT: () => (busy ? "451 4.3.2 busy" : undefined) } });
  const queue = 'retry = ["100ms"]\ndelay_warning = "200ms"';
  const post = await Post.open(t, { sinks: { "elsewhere.test": sink }, queue });
  await post.submit("<bob@elsewhere.test>", "<carol@elsewhere.test> NOTIFY=FAILURE,SUCCESS");
  await post.logged("sent", ALICE);
  const before = post.smtpd.daemon.log.filter(({ msg }) => msg === "deferred").length;
  await post.logged("deferred", "bob@elsewhere.test", before + 3);
  busy = false;
  await post.logged("sent", "bob@elsewhere.test");
  await post.logged("sent", "carol@elsewhere.test");
  assert.deepEqual(await post.told(), [[["rfc822;bob@elsewhere.test", "delayed", "4.3.2"]]]);
});

test("successes are told to whom has asked, by whoever knows of the last one", async (t) => {
  const knowing = await Sink.start(t);
  const unknowing = await Sink.start(t, { extensions: SINK_EXTENSIONS.filter((name) => name !== "DSN") });
  const post = await Post.open(t, { sinks: { "knowing.test": knowing, "unknowing.test": unknowing } });
  await post.submit(
    "<bob@knowing.test> NOTIFY=SUCCESS",
    "<carol@unknowing.test> NOTIFY=SUCCESS,FAILURE",
    "<dave@unknowing.test>",
    `<bob@${DOMAIN}> NOTIFY=SUCCESS`,
    `<alice@${DOMAIN}>`,
  );
  await post.logged("sent", ALICE, 2);
  await post.logged("sent", "bob@knowing.test");
  await post.logged("sent", "dave@unknowing.test");
  assert.deepEqual((await post.told()).sort(), [
    [[`rfc822;bob@${DOMAIN}`, "delivered", "2.0.0"]],
    [["rfc822;carol@unknowing.test", "relayed", "2.0.0"]],
  ]);
  assert.match(knowing.messages[0]?.rcpts[0] ?? "", /NOTIFY=SUCCESS/);
});

test("an alias that leads to several is told as expanded", async (t) => {
  const sink = await Sink.start(t);
  const aliases = "postmaster: alice\nstaff: bob, carol@elsewhere.test\n";
  const post = await Post.open(t, { sinks: { "elsewhere.test": sink }, aliases });
  await post.submit(`<staff@${DOMAIN}> NOTIFY=SUCCESS ORCPT=rfc822;Staff@${DOMAIN}`);
  await post.logged("sent", ALICE);
  await post.logged("sent", "carol@elsewhere.test");
  assert.deepEqual(await post.told(), [[[`rfc822;staff@${DOMAIN}`, "expanded", "2.1.5"]]]);
});

test("a notice for an address that stands for several goes to each of them", async (t) => {
  const sink = await Sink.start(t, { script: { RCPT: "550 5.1.1 no such user" } });
  const aliases = "postmaster: alice\nsales: alice, bob\n";
  const post = await Post.open(t, { sinks: { "elsewhere.test": sink }, aliases });
  await post.submitAs(`sales@${DOMAIN}`, "<carol@elsewhere.test>");
  for (const user of ["alice", "bob"]) await post.logged("sent", `${user}@${DOMAIN}`);
  for (const user of ["alice", "bob"])
    assert.deepEqual(await post.told(user), [[["rfc822;carol@elsewhere.test", "failed", "5.1.1"]]]);
});

for (const undeliverable of ["drop", "postmaster"])
  test(`mail without a sender that is refused: ${undeliverable}`, async (t) => {
    const sink = await Sink.start(t, { script: { RCPT: "550 5.1.1 no such user" } });
    const post = await Post.open(t, {
      sinks: { "elsewhere.test": sink },
      queue: `undeliverable_notices = "${undeliverable}"`,
      aliases: "postmaster: alice\nmoved: bob@elsewhere.test\n",
    });
    const client = await SmtpClient.greeted(post.smtpd.mx);
    await client.envelope("<>", `<moved@${DOMAIN}>`);
    assert.match(await client.data("Subject: a notice\r\n\r\nof others\r\n.\r\n"), /^250/);
    client.end();
    const line = await post.smtpd.daemon.logged(({ envelope }) => envelope !== undefined);
    assert.match(JSON.stringify(line.envelope), /"reversePath":null/);
    if (undeliverable === "postmaster") await post.logged("sent", `postmaster@${DOMAIN}`);
    assert.deepEqual(await post.told(), []);
    const subjects = (await post.site.messages("alice")).map(
      ({ content }) => /^Subject: (.*)$/m.exec(content.toString())?.[1],
    );
    assert.deepEqual(subjects, undeliverable === "postmaster" ? ["a notice"] : []);
  });
