/**
 * Notices as others read them: Python's email package for every action, NOTIFY, RET and charset, and mutt for the eyes of
 * the person who gets one.
 */
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { formatMailbox } from "../../shared/address.js";
import type { NotifyEvent } from "../../smtpd/protocol/dsn-request.js";
import type { Action, RecipientReport } from "../../smtpd/queue/envelope.js";
import { owes } from "../../smtpd/send/notices/asked.js";
import { composeNotice, type NoticeFacts, type NoticeMessage } from "../../smtpd/send/notices/message.js";
import { without } from "../peers.js";
import { mailbox } from "../smtpd/queue/envelopes.js";
import { hostileFacts } from "../smtpd/send/notices/hostile.js";
import {
  ARRIVED_AT,
  noticeFacts,
  sampleEnvelope,
  sampleNotice,
  sampleReport,
} from "../smtpd/send/notices/samples.js";
import { temporaryDirectory } from "../temporary-directory.js";
import { succeed } from "./run.js";

const READER = fileURLToPath(new URL("../../../test/interop/read-notice.py", import.meta.url));
const DATE = "Sun, 22 Nov 2026 08:00:00 +0000";
const ATTEMPT = "Sun, 22 Nov 2026 08:00:01 +0000";
const RETRIED_UNTIL = "Fri, 27 Nov 2026 08:00:00 +0000";

/** What read-notice.py tells of a message. */
interface Seen {
  readonly type: string;
  readonly reportType: string;
  readonly header: Readonly<Record<string, string>>;
  readonly parts: readonly { readonly type: string; readonly encoding: string; readonly octets: string }[];
  readonly text: string;
  /** The fields of the message, then of each recipient. */
  readonly fields: readonly (readonly (readonly [name: string, value: string])[])[];
  readonly defects: readonly string[];
}

async function readByPython(messages: readonly Buffer[]): Promise<Seen[]> {
  const input = messages.map((message) => `${message.toString("base64")}\n`).join("");
  const lines = await succeed("python3", [READER], { input });
  return lines
    .trimEnd()
    .split("\n")
    .map((line): Seen => JSON.parse(line));
}

function compose(changes: Partial<NoticeFacts>): NoticeMessage {
  return composeNotice(noticeFacts(changes));
}

const ACTIONS: readonly Action[] = ["failed", "delayed", "delivered", "relayed", "expanded"];
const NOTIFIES: readonly (readonly NotifyEvent[] | undefined)[] = [
  undefined,
  [],
  ["FAILURE"],
  ["DELAY"],
  ["SUCCESS"],
  ["FAILURE", "DELAY"],
  ["SUCCESS", "FAILURE"],
  ["SUCCESS", "DELAY"],
  ["SUCCESS", "FAILURE", "DELAY"],
];

/** A report as each action comes with it, and the fields that it must become. */
const REPORTS: Readonly<Record<Action, Partial<RecipientReport>>> = {
  failed: {},
  delayed: {
    status: "4.2.2",
    reply: { code: 452, status: "4.2.2", lines: ["mailbox full"] },
    willRetryUntil: ARRIVED_AT + 5 * 86_400_000,
  },
  delivered: { status: "2.0.0", text: "", host: undefined, reply: undefined },
  relayed: { status: "2.0.0", text: "", reply: { code: 250, status: "2.0.0", lines: ["queued"] } },
  expanded: { status: "2.1.5", text: "", host: undefined, reply: undefined },
};
const EXPECTED: Readonly<Record<Action, readonly (readonly [string, string])[]>> = {
  failed: [
    ["Action", "failed"],
    ["Status", "5.1.1"],
    ["Remote-MTA", "dns; mx.example.net"],
    ["Diagnostic-Code", "smtp; 550-5.1.1 no such user 550 5.1.1 here"],
  ],
  delayed: [
    ["Action", "delayed"],
    ["Status", "4.2.2"],
    ["Remote-MTA", "dns; mx.example.net"],
    ["Diagnostic-Code", "smtp; 452 4.2.2 mailbox full"],
  ],
  delivered: [
    ["Action", "delivered"],
    ["Status", "2.0.0"],
  ],
  relayed: [
    ["Action", "relayed"],
    ["Status", "2.0.0"],
    ["Remote-MTA", "dns; mx.example.net"],
    ["Diagnostic-Code", "smtp; 250 2.0.0 queued"],
  ],
  expanded: [
    ["Action", "expanded"],
    ["Status", "2.1.5"],
  ],
};

/** Sender, recipient, ORCPT and header in US-ASCII or beyond it, and what the notice makes of them. */
const CHARSETS = {
  "US-ASCII": {
    to: "alice@example.org",
    recipient: "bob@example.net",
    orcpt: "rfc822;Bob@Example.NET",
    subject: "Lunch?",
    original: "rfc822;Bob@Example.NET",
    final: "rfc822;bob@example.net",
    status: "message/delivery-status",
    types: { header: "text/rfc822-headers", whole: "message/rfc822" },
    encoding: "7bit",
  },
  "UTF-8 to a sender whom any host can reach": {
    to: "alice@example.org",
    recipient: "björn+b@example.net",
    orcpt: "utf-8;björn+b@example.net",
    subject: "Frühstück?",
    original: "utf-8;bj\\x{F6}rn\\x{2B}b@example.net",
    final: "utf-8;bj\\x{F6}rn\\x{2B}b@example.net",
    status: "message/delivery-status",
    types: { header: "message/global-headers", whole: "message/global" },
    encoding: "quoted-printable",
  },
  "UTF-8 to a sender who needs SMTPUTF8": {
    to: "älice@example.org",
    recipient: "björn+b@example.net",
    orcpt: "utf-8;björn+b@example.net",
    subject: "Frühstück?",
    original: "utf-8;björn+b@example.net",
    final: "utf-8;björn+b@example.net",
    status: "message/global-delivery-status",
    types: { header: "message/global-headers", whole: "message/global" },
    encoding: "8bit",
  },
} as const;

for (const [name, charset] of Object.entries(CHARSETS))
  test(`Python reads every notice that is owed: ${name}`, { skip: without("python3") }, async () => {
    const header = Buffer.from(
      `From: Alice <${charset.to}>\nSubject: ${charset.subject}\nMessage-ID: <1.a@example.org>\n`,
    );
    const whole = Buffer.concat([header, Buffer.from("\nAt noon?\n.\nFrom here on\n")]);
    const cases = ACTIONS.flatMap((action) =>
      NOTIFIES.filter((notify) => owes(notify, action)).flatMap((notify) =>
        (["FULL", "HDRS", undefined] as const).flatMap((ret) =>
          [charset.orcpt, undefined].map((orcpt) => ({ action, notify, ret, orcpt })),
        ),
      ),
    );
    assert.equal(cases.length, (5 + 5 + 3 * 4) * 3 * 2);
    const notices = cases.map(({ action, ret, orcpt }) =>
      compose({
        envelope: sampleEnvelope({ ret, envid: orcpt === undefined ? undefined : "QQ 314=159" }),
        to: mailbox(charset.to),
        notice: sampleNotice(action, [sampleReport(charset.recipient, { orcpt, ...REPORTS[action] })]),
        original: { header, whole: ret === "FULL" && action === "failed" ? whole : undefined },
      }),
    );
    const seen = await readByPython(notices.map(({ octets }) => octets));
    assert.equal(seen.length, cases.length);
    for (const [index, notice] of seen.entries()) {
      const { action, ret, orcpt } = cases[index] ?? assert.fail();
      assert.deepEqual(notice.defects, []);
      assert.equal(notice.type, "multipart/report");
      assert.equal(notice.reportType, "delivery-status");
      assert.equal(notice.header["auto-submitted"], "auto-replied");
      assert.equal(notice.header.to, charset.to);
      assert.equal(notice.header["in-reply-to"], "<1.a@example.org>");
      assert.deepEqual(notice.fields, [
        [
          ...(orcpt === undefined ? [] : [["Original-Envelope-Id", "QQ 314=159"]]),
          ["Reporting-MTA", "dns; mail.example.org"],
          ["Arrival-Date", DATE],
        ],
        [
          ...(orcpt === undefined ? [] : [["Original-Recipient", charset.original]]),
          ["Final-Recipient", charset.final],
          ...EXPECTED[action],
          ["Last-Attempt-Date", ATTEMPT],
          ["Final-Log-ID", "01JDXK6M2W9QF0"],
          ...(action === "delayed" ? [["Will-Retry-Until", RETRIED_UNTIL]] : []),
        ],
      ]);
      const isWhole = ret === "FULL" && action === "failed";
      const [text, status, returned] = notice.parts;
      assert.equal(text?.type, "text/plain");
      assert.equal(status?.type, charset.status);
      assert.equal(returned?.type, charset.types[isWhole ? "whole" : "header"]);
      assert.equal(returned.encoding, charset.encoding);
      const content = Buffer.from(returned.octets, "base64");
      assert.equal(content.toString(), (isWhole ? whole : header).toString());
      assert.ok(notice.text.includes(`<${charset.recipient}>`));
      assert.ok(notice.text.includes(charset.subject));
    }
    for (const { octets, body, smtputf8 } of notices) {
      const ascii = octets.every((octet) => octet < 0x80);
      assert.deepEqual([body, smtputf8], ascii ? ["7BIT", false] : ["8BITMIME", true]);
      assert.equal(ascii, charset.encoding !== "8bit");
    }
  });

test("Python reads several recipients with several troubles", { skip: without("python3") }, async () => {
  const { octets } = compose({
    notice: sampleNotice("failed", [
      sampleReport("bob@example.net"),
      sampleReport("carol@example.net"),
      sampleReport("dave@[192.0.2.1]", {
        status: "5.4.7",
        text: "not delivered in 5 days",
        host: "[192.0.2.1]",
        reply: { code: 451, status: undefined, lines: ["greylisted"] },
      }),
      sampleReport('"e f"@nowhere.example', {
        status: "5.1.2",
        text: "there is no such domain",
        host: undefined,
        reply: undefined,
      }),
    ]),
  });
  const [notice] = await readByPython([octets]);
  const values = (name: string) =>
    notice?.fields.slice(1).map((fields) => fields.find(([field]) => field === name)?.[1]);
  assert.deepEqual(values("Final-Recipient"), [
    "rfc822;bob@example.net",
    "rfc822;carol@example.net",
    "rfc822;dave@[192.0.2.1]",
    'rfc822;"e f"@nowhere.example',
  ]);
  assert.deepEqual(values("Status"), ["5.1.1", "5.1.1", "5.4.7", "5.1.2"]);
  assert.deepEqual(values("Remote-MTA"), [
    "dns; mx.example.net",
    "dns; mx.example.net",
    "dns; [192.0.2.1]",
    undefined,
  ]);
  assert.deepEqual(values("Diagnostic-Code")?.slice(2), [
    "smtp; 451 greylisted",
    "X-Pillarbox; there is no such domain",
  ]);
  // Nothing is there to be returned.
  assert.equal(notice?.parts.length, 2);
  for (const part of ["<bob@example.net>\n<carol@example.net>\n", "greylisted", "no such domain", "5 days"])
    assert.ok(notice.text.includes(part), `${part} is not in ${notice.text}`);
});

test("Python reads notices whatever others have written into them", {
  skip: without("python3"),
}, async () => {
  const samples = fc.sample(hostileFacts, 200);
  const seen = await readByPython(samples.map((facts) => composeNotice(facts).octets));
  assert.equal(seen.length, samples.length);
  for (const [index, { notice, original }] of samples.entries()) {
    const { type, defects, parts, fields } = seen[index] ?? assert.fail();
    assert.deepEqual([type, defects, parts.length], ["multipart/report", [], original === undefined ? 2 : 3]);
    assert.equal(fields.length, 1 + notice.reports.length);
    for (const group of fields.slice(1))
      assert.deepEqual(
        group.filter(([name]) => name === "Action"),
        [["Action", notice.action]],
      );
  }
});

test("mutt shows people what they need", { skip: without("mutt", "script") }, async (t) => {
  const home = await temporaryDirectory(t);
  const maildir = join(home, "Maildir");
  for (const folder of ["tmp", "new", "cur"]) await mkdir(join(maildir, folder), { recursive: true });
  const report = sampleReport("björn@example.net", { orcpt: "rfc822;staff@example.org" });
  const { octets } = compose({
    notice: sampleNotice("failed", [report]),
    original: { header: Buffer.from("Subject: =?utf-8?B?RnLDvGhzdMO8Y2s=?=\n"), whole: undefined },
  });
  await writeFile(join(maildir, "new", "1.1.x"), octets);
  const options = `set folder=${home} charset=utf-8 quit=yes move=no wait_key=no prompt_after=no pager=cat mark_old=no`;
  const mutt = ["mutt", "-n", "-R", "-F", "/dev/null", "-e", options, "-f", maildir];
  const command = [...mutt, "-e", "push '<display-message><quit>'"]
    .map((word) => `'${word.replaceAll("'", "'\\''")}'`)
    .join(" ");
  const shown = await succeed("script", ["--quiet", "--return", "--command", command, "/dev/null"], {
    env: { TERM: "xterm", HOME: home, LANG: "C.UTF-8", COLUMNS: "200", LINES: "100" },
  });
  const text = shown.replace(/\s+/g, " ");
  for (const part of [
    "Mail Delivery System",
    `<${formatMailbox(report.forwardPath)}>`,
    "staff@example.org",
    "mx.example.net said:",
    "550-5.1.1 no such user",
    "Subject: Frühstück",
    "<postmaster@example.org>",
    "Final-Recipient: utf-8;bj\\x{F6}rn@example.net",
    "Status: 5.1.1",
  ])
    assert.ok(text.includes(part), `${part} is not in ${JSON.stringify(shown)}`);
});
