/**
 * Other people's programs send: each in the clear, over STARTTLS and over implicit TLS, to the mx and, having logged
 * in, to submission. What lies in the Maildir ends with what was sent.
 */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { DOMAIN, PASSWORD, Site, type Smtpd } from "../daemons/site.js";
import { without } from "../peers.js";
import { succeed } from "./run.js";

let site: Site;
let smtpd: Smtpd;
before(async () => {
  site = await Site.make();
  smtpd = await site.smtpd();
});
after(async () => {
  await smtpd?.daemon.stop();
  await site?.remove();
});

type Security = "plain" | "starttls" | "implicit";

/** How a message is to be sent: where, how secured, and whether logged in. */
interface Way {
  readonly security: Security;
  readonly port: number;
  readonly login: boolean;
  /** A file with the message, CRLF line ends. */
  readonly file: string;
  readonly message: string;
}

const FROM = `bob@${DOMAIN}`;
const TO = `alice@${DOMAIN}`;
const USER = `bob@${DOMAIN}`;

const PYTHON = `
import smtplib, ssl, sys
port, security, login, file = int(sys.argv[1]), sys.argv[2], sys.argv[3] == "true", sys.argv[4]
context = ssl._create_unverified_context()
server = smtplib.SMTP_SSL("127.0.0.1", port, context=context) if security == "implicit" else smtplib.SMTP("127.0.0.1", port)
if security == "starttls": server.starttls(context=context)
if login: server.login(${JSON.stringify(USER)}, ${JSON.stringify(PASSWORD)})
server.sendmail(${JSON.stringify(FROM)}, [${JSON.stringify(TO)}], open(file, "rb").read())
server.quit()
`;

const senders: Readonly<Record<string, (way: Way) => Promise<unknown>>> = {
  swaks: ({ security, port, login, message }) =>
    succeed("swaks", [
      ...["--server", "127.0.0.1", "--port", `${port}`, "--from", FROM, "--to", TO],
      // It ends the last line by itself.
      ...["--data", message.replace(/\r\n$/, "")],
      ...(security === "starttls" ? ["-tls"] : security === "implicit" ? ["--tls-on-connect"] : []),
      ...(login ? ["--auth", "LOGIN", "--auth-user", USER, "--auth-password", PASSWORD] : []),
    ]),
  curl: ({ security, port, login, file }) =>
    succeed("curl", [
      ...[
        "--silent",
        "--show-error",
        "--insecure",
        "--mail-from",
        FROM,
        "--mail-rcpt",
        TO,
        "--upload-file",
        file,
      ],
      ...(security === "starttls" ? ["--ssl-reqd"] : []),
      ...(login ? ["--user", `${USER}:${PASSWORD}`] : []),
      `${security === "implicit" ? "smtps" : "smtp"}://127.0.0.1:${port}`,
    ]),
  msmtp: ({ security, port, login, message }) =>
    succeed(
      "msmtp",
      [
        ...["--file=/dev/null", "--host=127.0.0.1", `--port=${port}`, `--from=${FROM}`],
        ...(security === "plain" ? ["--tls=off"] : ["--tls=on", "--tls-certcheck=off"]),
        ...(security === "plain" ? [] : [`--tls-starttls=${security === "starttls" ? "on" : "off"}`]),
        ...(login ? ["--auth=plain", `--user=${USER}`, `--passwordeval=echo '${PASSWORD}'`] : ["--auth=off"]),
        TO,
      ],
      { input: message.replaceAll("\r\n", "\n") },
    ),
  "python3 smtplib": ({ security, port, login, file }) =>
    succeed("python3", ["-c", PYTHON, `${port}`, security, `${login}`, file]),
};

for (const [sender, send] of Object.entries(senders)) {
  for (const security of ["plain", "starttls", "implicit"] as const) {
    for (const login of [false, true]) {
      const to = login ? "submission" : "the mx";
      test(`${sender} sends to ${to}, ${security}`, {
        skip: without(sender.split(" ")[0] ?? ""),
      }, async () => {
        const mark = `${sender} ${security} ${login}`;
        const message = `From: <${FROM}>\r\nTo: <${TO}>\r\nDate: Sun, 22 Nov 2026 08:00:00 +0000\r\nMessage-ID: <${encodeURIComponent(mark)}@x>\r\nSubject: ${mark}\r\n\r\n.a dot\r\n..\r\nthe end: ${mark}\r\n`;
        const file = join(site.directory, "message.eml");
        await writeFile(file, message);
        await send({ security, port: portFor(security, login), login, file, message });
        const found = await messageWith(mark);
        const [top = "", body] = found.split(/(?=\n\.a dot)/);
        assert.equal(body, `\n.a dot\n..\nthe end: ${mark}\n`);
        const protocol = `ESMTP${security === "plain" ? "" : "S"}${login ? "A" : ""}`;
        assert.match(
          top,
          new RegExp(
            `^Return-Path: <${FROM}>\nDelivered-To: ${TO}\nReceived: from .*\n\tby .* with ${protocol}[ \n]`,
          ),
        );
      });
    }
  }
}

test("s-nail sends a message of its own making", { skip: without("s-nail") }, async () => {
  for (const security of ["plain", "starttls", "implicit"] as const) {
    const scheme = security === "implicit" ? "smtps" : "smtp";
    const port = portFor(security, true);
    const credentials = `${encodeURIComponent(USER)}:${encodeURIComponent(PASSWORD)}`;
    await succeed(
      "s-nail",
      [
        ...["-:/", "-Sv15-compat", "-Ssendwait", "-Stls-verify=ignore", "-Ssmtp-auth=plain"],
        ...(security === "starttls" ? ["-Ssmtp-use-starttls"] : []),
        ...[`-Smta=${scheme}://${credentials}@127.0.0.1:${port}`, "-r", FROM, "-s", `s-nail ${security}`, TO],
      ],
      { input: `.\n..dots\nthe end: s-nail ${security}\n`, env: { HOME: site.directory } },
    );
    assert.ok(
      (await messageWith(`s-nail ${security}`)).endsWith(`\n\n.\n..dots\nthe end: s-nail ${security}\n`),
    );
  }
});

function portFor(security: Security, login: boolean): number {
  if (security === "implicit") return login ? smtpd.submissions : smtpd.mxs;
  return login ? smtpd.submission : smtpd.mx;
}

/** The one message of alice's that ends with this mark. */
async function messageWith(mark: string): Promise<string> {
  const contents = (await site.messages("alice")).map(({ content }) => content.toString("latin1"));
  const [found, ...others] = contents.filter((content) => content.endsWith(`the end: ${mark}\n`));
  assert.ok(found !== undefined && others.length === 0, `${mark}: ${contents.length} messages`);
  return found;
}
