/** sendmail as a program: what comes into the queue, and its exit codes. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { watch } from "node:fs";
import { chmod, stat, writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { programOf } from "../../daemons/daemon.js";
import { SendmailSite } from "./sendmail-site.js";

const MESSAGE = "From: a@x.example\nTo: b@x.example\nDate: now\nMessage-ID: <1@x>\nSubject: hello\n\nbody\n";
const ME = `${userInfo().username}@example.org`;

let site: SendmailSite;
beforeEach(async () => {
  site = await SendmailSite.make('[limits]\nmessage_size = "128KiB"\nheader_size = "64KiB"\n');
});
afterEach(() => site.remove());

async function sent(words: readonly string[], input: string | Buffer) {
  const { code, stdout, stderr } = await site.sendmail(words, input);
  assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: "", stderr: "" });
  return site.only();
}

async function fails(
  code: number,
  words: readonly string[],
  input: string | Buffer = MESSAGE,
): Promise<void> {
  const ended = await site.sendmail(words, input);
  assert.equal(ended.code, code, ended.stderr);
  assert.equal(ended.stdout, "");
  assert.match(ended.stderr, /^sendmail: /);
  assert.deepEqual(await site.queued(), []);
  assert.deepEqual(await site.left(), []);
}

describe("a message", () => {
  test("goes into the queue under a Received of ours, and nothing else is added", async () => {
    const { from, to, header, body, envelope } = await sent(["-i", "b@x.example"], MESSAGE);
    assert.deepEqual([from, to, body], [ME, ["b@x.example"], "body\n"]);
    const [received, ...others] = header;
    const uid = process.getuid?.();
    assert.match(
      received ?? "",
      new RegExp(
        `^Received: by mail\\.example\\.org \\(pillarbox, from userid ${uid}\\) with local id ${envelope.queueId}; .* \\+0000$`,
      ),
    );
    assert.deepEqual(others, [
      "From: a@x.example",
      "To: b@x.example",
      "Date: now",
      "Message-ID: <1@x>",
      "Subject: hello",
    ]);
    assert.deepEqual(
      [envelope.body, envelope.smtputf8, envelope.held, envelope.account],
      ["7BIT", false, false, undefined],
    );
    assert.ok(
      envelope.recipients.every(({ attempts, nextAttempt }) => attempts === 0 && nextAttempt <= Date.now()),
    );
  });

  test("without a header gets one, and a name for its author", async () => {
    const { header, body } = await sent(["-FCron Daemon", "bob"], "just text\n");
    assert.match(header[1] ?? "", /^Date: .* \+0000$/);
    assert.equal(header[2], `From: "Cron Daemon" <${ME}>`);
    assert.match(header[3] ?? "", /^Message-ID: <.+@mail\.example\.org>$/);
    assert.equal(header.length, 4);
    assert.equal(body, "just text\n");
  });

  test("of a gateway gets none", async () => {
    const { header } = await sent(["-G", "bob"], "Subject: x\n\n");
    assert.deepEqual(header.slice(1), ["Subject: x"]);
  });

  test("loses Bcc and Return-Path, and mbox's line", async () => {
    const { header, to } = await sent(["bob"], `From me\nBcc: carol\nReturn-Path: <x@y>\n${MESSAGE}`);
    assert.deepEqual(to, ["bob@example.org"]);
    assert.equal(header.filter((line) => /^(?:Bcc|Return-Path|From )/.test(line)).length, 0);
  });

  test("ends at a line of a dot, unless that is text", async () => {
    assert.equal((await sent(["bob"], "a: b\n\nbody\n.\nmore\n")).body, "body\n");
  });

  for (const flag of ["-i", "-oi"]) {
    test(`has lines of a dot with ${flag}`, async () => {
      assert.equal((await sent([flag, "bob"], "a: b\n\n.\n..\n.")).body, ".\n..\n.\n");
    });
  }

  test("with CRLF has LF in the queue, and never a CR", async () => {
    const { text, body } = await sent(["bob"], "Subject: x\r\nX: a\r b\r\n\r\n10%\r20%\r\nend");
    assert.equal(body, "10% 20%\nend\n");
    assert.doesNotMatch(text, /\r/);
    assert.match(text, /^Subject: x\nX: a {2}b\n\n/m);
  });

  test("in 8-bit is one, and stays as it is", async () => {
    const { body, envelope } = await sent(["bob"], Buffer.from("Subject: x\n\nJ\xf6rg\xff\n", "latin1"));
    assert.equal(body, "J\xf6rg\xff\n");
    assert.equal(envelope.body, "8BITMIME");
  });

  test("that is empty is one, too", async () => {
    assert.equal((await sent(["bob"], "")).body, "");
  });

  test("of all that is allowed is stored octet for octet", async () => {
    const body = `${"0123456789abcdef".repeat(60)}\n`.repeat(60);
    assert.equal((await sent(["bob"], `Subject: x\n\n${body}`)).body, body);
  });
});

describe("recipients", () => {
  test("of the command line, with names and lists, each once", async () => {
    const { to } = await sent(["bob", "Carol <carol@x.example>, dave@x.example", "bob@example.org"], MESSAGE);
    assert.deepEqual(to, ["bob@example.org", "carol@x.example", "dave@x.example"]);
  });

  test("of the header with -t, beside those of the command line", async () => {
    const { to, header } = await sent(
      ["-ti", "bob"],
      "To: a@x.example,\n bob\nCc: C <c@x.example>\nBcc: d@x.example\n\n",
    );
    assert.deepEqual(to, ["bob@example.org", "a@x.example", "c@x.example", "d@x.example"]);
    assert.ok(!header.join().includes("d@x.example"));
  });

  test("with other characters need SMTPUTF8; other domains do not", async () => {
    const { to, envelope } = await sent(["jörg@x.example", "bob@münchen.example"], MESSAGE);
    assert.deepEqual(to, ["jörg@x.example", "bob@xn--mnchen-3ya.example"]);
    assert.equal(envelope.smtputf8, true);
  });

  test("that begin with a dash, behind --", async () => {
    assert.deepEqual((await sent(["--", "-t@x.example"], MESSAGE)).to, ["-t@x.example"]);
  });
});

describe("the sender", () => {
  for (const [words, expected] of [
    [["-f", "a@x.example"], "a@x.example"],
    [["-fa@x.example"], "a@x.example"],
    [["-r", "alice"], "alice@example.org"],
    [["-f", "Alice <a@x.example>"], "a@x.example"],
    [["-f", ""], ""],
    [["-f<>"], ""],
  ] as const)
    test(JSON.stringify(words), async () =>
      assert.equal((await sent([...words, "bob"], MESSAGE)).from, expected),
    );

  test("of a message without one is the user", async () => {
    const { from, header } = await sent(["-f", "", "bob"], "Subject: x\n\n");
    assert.equal(from, "");
    assert.ok(header.includes(`From: ${ME}`));
  });
});

test("what is to be told of it is asked for", async () => {
  const { envelope } = await sent(
    ["-N", "success,failure", "-R", "hdrs", "-V", "Q 1".replace(" ", "-"), "bob"],
    MESSAGE,
  );
  assert.deepEqual([envelope.ret, envelope.envid], ["HDRS", "Q-1"]);
  assert.deepEqual(envelope.recipients[0]?.notify, ["SUCCESS", "FAILURE"]);
});

test("a file in the queue can be read by smtpd, and by nobody outside of its group", async () => {
  const { envelope } = await sent(["bob"], MESSAGE);
  for (const file of [`new/${envelope.message}`, `envelope/${envelope.queueId}.json`])
    assert.equal((await stat(join(site.queue, file))).mode & 0o777, 0o640);
});

describe("nothing is queued, and the code says why:", () => {
  for (const [name, code, words, input] of [
    ["an unknown flag", 64, ["-Z", "bob"], MESSAGE],
    ["no recipients", 64, [], MESSAGE],
    ["a recipient that is none", 64, ["bob", "not an address"], MESSAGE],
    ["a sender that is none", 64, ["-f", "not an address", "bob"], MESSAGE],
    ["two senders", 64, ["-f", "a@x.example, b@x.example", "bob"], MESSAGE],
    ["no recipients in the header", 65, ["-t"], "Subject: x\n\n"],
    ["recipients in the header that are none", 65, ["-t", "bob"], "To: not an address\n\n"],
    ["a NUL", 65, ["bob"], "Subject: x\n\na\0b\n"],
    ["a message that is too big", 65, ["bob"], `Subject: x\n\n${"0123456789\n".repeat(12000)}`],
    ["a header that is too big", 65, ["bob"], `Subject: x\n${` ${"x".repeat(900)}\n`.repeat(80)}`],
    ["a message that goes round and round", 65, ["bob"], `${"Received: x\n".repeat(51)}\n`],
  ] as const)
    test(name, () => fails(code, words, input));

  test("a configuration that is not there", () => fails(78, ["-C", "/nowhere/smtpd.toml", "bob"]));

  test("a configuration that is wrong", async () => {
    await writeFile(site.configFile, "nonsense");
    await fails(78, ["bob"]);
  });

  test("a queue that cannot be made", async () => {
    await writeFile(join(site.directory, "state"), "");
    await fails(75, ["bob"]);
  });
});

test("too many recipients are refused", async () => {
  await writeFile(
    site.configFile,
    `domains = ["example.org"]\nuser = "root"\nstate_dir = "${site.directory}/state"\n[limits]\nrecipients = 100\n`,
  );
  await fails(
    65,
    Array.from({ length: 101 }, (_, i) => `u${i}@x.example`),
  );
});

describe("called by another name", () => {
  async function called(name: string, words: readonly string[]) {
    const child = spawn(await site.link(name), words, { stdio: ["pipe", "pipe", "inherit"] });
    child.stdin?.end("Subject: x\n\n");
    const output: Buffer[] = [];
    child.stdout?.on("data", (chunk) => output.push(chunk));
    const code = await new Promise((resolve) => child.once("close", resolve));
    return { code, stdout: Buffer.concat(output).toString() };
  }

  test("sendmail sends", async () => {
    await makeExecutable();
    assert.equal((await called("sendmail", ["-C", site.configFile, "bob"])).code, 0);
    assert.deepEqual((await site.only()).to, ["bob@example.org"]);
  });

  test("mailq lists", async () => {
    await makeExecutable();
    await site.sendmail(["bob"], MESSAGE);
    const { code, stdout } = await called("mailq", ["-C", site.configFile]);
    assert.equal(code, 0);
    assert.ok(stdout.includes((await site.only()).envelope.queueId));
  });

  test("newaliases has nothing to do, and needs nothing for it", async () => {
    await makeExecutable();
    assert.deepEqual(await called("newaliases", []), { code: 0, stdout: "" });
  });

  /** As npm does when it installs a package. */
  async function makeExecutable(): Promise<void> {
    await chmod(programOf("smtpd"), 0o755);
  }
});

describe("killed, it leaves nothing that is half:", () => {
  const body = "0123456789abcdef\n".repeat(1000);

  for (const folder of ["tmp", "new", "envelope"]) {
    for (const event of [1, 2]) {
      test(`at change ${event} in ${folder}/`, async () => {
        await site.openQueue();
        const words = [programOf("smtpd"), "sendmail", "-C", site.configFile, "-i", "bob"];
        const child = spawn(process.execPath, words, { stdio: ["pipe", "ignore", "ignore"] });
        let events = 0;
        const watcher = watch(join(site.queue, folder), () => {
          if (++events === event) child.kill("SIGKILL");
        });
        child.stdin.on("error", () => {});
        child.stdin.end(`Subject: x\n\n${body}`);
        const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
        watcher.close();
        // It is as well when it was quicker than the kill.
        const queued = await site.queued();
        for (const message of queued) assert.equal(message.body, body);
        assert.ok(code === null || queued.length === 1);
      });
    }
  }
});

describe("SMTP on standard input", () => {
  async function dialogue(...lines: readonly string[]) {
    const { code, stdout, stderr } = await site.sendmail(
      ["-bs"],
      lines.map((line) => `${line}\r\n`).join(""),
    );
    assert.equal(stderr, "");
    const replies = stdout.split("\r\n").filter((line) => /^\d{3}(?: |$)/.test(line));
    return { code, codes: replies.map((line) => Number(line.slice(0, 3))) };
  }

  test("takes messages for anyone from anyone, in chunks as well", async () => {
    const { code, codes } = await dialogue(
      "EHLO me",
      "MAIL FROM:<a@x.example> RET=HDRS ENVID=q1",
      "RCPT TO:<b@y.example> NOTIFY=NEVER",
      "RCPT TO:<bob@example.org>",
      "DATA",
      "Subject: x",
      "",
      "..dot",
      ".",
      "MAIL FROM:<>",
      "RCPT TO:<c@y.example>",
      "BDAT 14 LAST",
      "Subject: y\r\n",
      "NOOP",
      "QUIT",
      "NOOP",
    );
    assert.equal(code, 0);
    assert.deepEqual(codes, [220, 250, 250, 250, 250, 354, 250, 250, 250, 250, 250, 221]);
    const [first, second, ...others] = await site.queued();
    assert.deepEqual(others, []);
    assert.deepEqual(
      [first?.from, first?.to, first?.body],
      ["a@x.example", ["b@y.example", "bob@example.org"], ".dot\n"],
    );
    assert.deepEqual([first?.envelope.ret, first?.envelope.envid], ["HDRS", "q1"]);
    assert.deepEqual(
      first?.envelope.recipients.map(({ notify }) => notify),
      [[], undefined],
    );
    assert.deepEqual([second?.from, second?.to], ["", ["c@y.example"]]);
    assert.match(first?.header[0] ?? "", /^Received: by .* with local id /);
    assert.ok(first?.header.some((line) => line.startsWith("Date: ")));
  });

  test("queues nothing that did not come whole, or breaks the rules", async () => {
    await dialogue(
      "EHLO me",
      "MAIL FROM:<a@x.example>",
      "RCPT TO:<b@y.example>",
      "DATA",
      "Subject: x",
      "",
      "half",
    );
    const { codes } = await dialogue(
      "EHLO me",
      "AUTH PLAIN",
      "STARTTLS",
      "MAIL FROM:<a@x.example>",
      "RCPT TO:<b@y.example>",
      "DATA",
      "a\rb",
      ".",
    );
    assert.deepEqual(codes.slice(-1), [554]);
    assert.deepEqual(
      codes.slice(2, 4).map((code) => code >= 500),
      [true, true],
    );
    assert.deepEqual([await site.queued(), await site.left()], [[], []]);
  });
});
