/**
 * Other people's programs log in by every mechanism that they speak, to both daemons: GNU SASL's own, and the mail programs
 * built upon it, curl and Python. For each a wrong secret fails.
 */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { DOMAIN, PASSWORD, type Pop3d, Site, type Smtpd } from "../daemons/site.js";
import { CLIENT_ID, CLIENT_SECRET, IntrospectionServer } from "../fakes/introspection-server.js";
import { without } from "../peers.js";
import { run } from "./run.js";

const USER = `alice@${DOMAIN}`;
const TOKEN = "the.token-that/is+hers==";

type Security = "plain" | "starttls" | "implicit";

/** One login: whether it succeeded. */
type LogIn = (mechanism: string, secret: string, security: Security) => Promise<boolean>;

let site: Site;
let issuer: IntrospectionServer;
let smtpd: Smtpd;
let pop3d: Pop3d;
before(async () => {
  site = await Site.make(["alice"]);
  issuer = await IntrospectionServer.start();
  issuer.answers.set(TOKEN, { active: true, username: USER });
  const secretFile = join(site.directory, "secret");
  await writeFile(secretFile, CLIENT_SECRET);
  const tables =
    `[oauth]\nintrospection_url = "${issuer.url}"\nclient_id = "${CLIENT_ID}"\n` +
    `client_secret_file = "${secretFile}"\n[limits]\nlogin_failure_delay = "0s"\n`;
  [smtpd, pop3d] = await Promise.all([site.smtpd({ tables }), site.pop3d({ tables })]);
});
after(async () => {
  await Promise.all([smtpd?.daemon.stop(), pop3d?.daemon.stop()]);
  await issuer?.stop();
  await site?.remove();
});

function portOf(daemon: "smtpd" | "pop3d", security: Security): number {
  if (daemon === "pop3d") return security === "implicit" ? pop3d.pop3s : pop3d.pop3;
  return security === "implicit" ? smtpd.submissions : smtpd.submission;
}

async function succeeds(command: string, args: readonly string[], input = ""): Promise<boolean> {
  const { code } = await run(command, args, { input, env: { HOME: site.directory } });
  return code === 0;
}

/** mpop and msmtp have the same configuration. */
function mailProgram(program: "mpop" | "msmtp"): LogIn {
  return async (mechanism, secret, security) => {
    const rc = join(site.directory, `${program}rc`);
    const daemon = program === "mpop" ? "pop3d" : "smtpd";
    const tls =
      security === "plain"
        ? "tls off"
        : `tls on\ntls_certcheck off\ntls_starttls ${security === "starttls" ? "on" : "off"}`;
    const rest = program === "mpop" ? "delivery mbox /dev/null\nkeep on" : `from ${USER}`;
    await writeFile(
      rc,
      `account x\nhost 127.0.0.1\nport ${portOf(daemon, security)}\nuser ${USER}\npassword "${secret}"\n` +
        `auth ${mechanism.toLowerCase()}\n${tls}\n${rest}\n`,
      { mode: 0o600 },
    );
    const args = ["--file", rc];
    return program === "mpop"
      ? succeeds("mpop", [...args, "--auth-only", "x"])
      : succeeds("msmtp", [...args, "-a", "x", USER], "Subject: hello\n\nhello\n");
  };
}

/** GNU SASL's own client, which speaks SMTP and no POP3; it binds the channel unless it is told not to. */
const GSASL: LogIn = (mechanism, secret, security) =>
  succeeds("gsasl", [
    ...["--smtp", "--connect", `127.0.0.1:${portOf("smtpd", security)}`, "--mechanism", mechanism],
    ...["--authentication-id", USER, "--password", secret],
    ...(security === "starttls" ? ["--starttls"] : ["--no-starttls"]),
    ...["--x509-ca-file", site.certificate.certificate],
    ...(mechanism.endsWith("-PLUS") ? [] : ["--no-cb"]),
  ]);

function curl(daemon: "smtpd" | "pop3d"): LogIn {
  return (mechanism, secret, security) => {
    const protocol = daemon === "pop3d" ? "pop3" : "smtp";
    const url = `${protocol}${security === "implicit" ? "s" : ""}://127.0.0.1:${portOf(daemon, security)}`;
    const isToken = mechanism === "XOAUTH2" || mechanism === "OAUTHBEARER";
    return succeeds("curl", [
      ...["--silent", "--insecure", "--login-options", `AUTH=${mechanism}`],
      ...(security === "starttls" ? ["--ssl-reqd"] : []),
      ...(isToken ? ["--user", USER, "--oauth2-bearer", secret] : ["--user", `${USER}:${secret}`]),
      ...(daemon === "smtpd" ? ["--request", "NOOP", url] : [`${url}/`]),
    ]);
  };
}

const PYTHON = `
import smtplib, ssl, sys
port, security, mechanism, user, secret = int(sys.argv[1]), *sys.argv[2:6]
context = ssl._create_unverified_context()
server = smtplib.SMTP_SSL("127.0.0.1", port, context=context) if security == "implicit" else smtplib.SMTP("127.0.0.1", port)
if security == "starttls": server.starttls(context=context)
server.ehlo()
server.user, server.password = user, secret
server.auth(mechanism, getattr(server, "auth_" + mechanism.lower()))
server.quit()
`;

const PYTHON_SMTP: LogIn = (mechanism, secret, security) =>
  succeeds("python3", ["-c", PYTHON, `${portOf("smtpd", security)}`, security, mechanism, USER, secret]);

const PASSWORDS = ["PLAIN", "LOGIN"];
const SCRAM = ["SCRAM-SHA-256"];
const TOKENS = ["OAUTHBEARER", "XOAUTH2"];

const PEERS: readonly (readonly [
  name: string,
  program: string,
  logIn: LogIn,
  mechanisms: readonly string[],
  securities: readonly Security[],
])[] = [
  ["gsasl, SMTP", "gsasl", GSASL, [...PASSWORDS, ...SCRAM], ["plain", "starttls"]],
  ["gsasl, SMTP, channel bound", "gsasl", GSASL, ["SCRAM-SHA-256-PLUS"], ["starttls"]],
  [
    "mpop, POP3",
    "mpop",
    mailProgram("mpop"),
    [...PASSWORDS, ...SCRAM, ...TOKENS],
    ["plain", "starttls", "implicit"],
  ],
  [
    "msmtp, SMTP",
    "msmtp",
    mailProgram("msmtp"),
    [...PASSWORDS, ...SCRAM, ...TOKENS],
    ["plain", "starttls", "implicit"],
  ],
  ["curl, POP3", "curl", curl("pop3d"), [...PASSWORDS, ...TOKENS], ["plain", "starttls", "implicit"]],
  ["curl, SMTP", "curl", curl("smtpd"), [...PASSWORDS, ...TOKENS], ["plain", "starttls", "implicit"]],
  ["Python, SMTP", "python3", PYTHON_SMTP, PASSWORDS, ["plain", "starttls", "implicit"]],
];

for (const [name, program, logIn, mechanisms, securities] of PEERS) {
  describe(name, { skip: without(program) }, () => {
    for (const mechanism of mechanisms) {
      const secret = TOKENS.includes(mechanism) ? TOKEN : PASSWORD;
      for (const security of securities) {
        test(`${mechanism}, ${security}`, async () => {
          assert.equal(await logIn(mechanism, secret, security), true, "the right secret");
          assert.equal(await logIn(mechanism, `${secret}x`, security), false, "a wrong one");
        });
      }
    }
  });
}

test("each login was by the mechanism that it was to be by", () => {
  const used = (daemon: Pop3d | Smtpd) =>
    new Set(daemon.daemon.log.flatMap(({ msg, method }) => (msg === "login" ? [method] : [])));
  const programs = PEERS.filter(([, program]) => without(program) === false);
  for (const [name, , , mechanisms] of programs) {
    const methods = used(name.includes("POP3") ? pop3d : smtpd);
    for (const mechanism of mechanisms) assert.ok(methods.has(mechanism), `${name}: ${mechanism}`);
  }
});
