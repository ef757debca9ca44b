/** Sending to the sandbox and collecting from it, over bare sockets. */
import { ACCOUNT, PASSWORD } from "../../etc/sandbox/layout.js";
import { Dialogue } from "../interop/dialogue.js";

/** Sends a message of ASCII lines to the demo account; logs in first where `login` says so. */
export async function send(port: number, lines: readonly string[], { login = false } = {}): Promise<void> {
  const smtp = await Dialogue.connect(port);
  await smtp.expect(/^220 /);
  await smtp.command("EHLO client.example", /^250 /);
  if (login) await smtp.command(`AUTH PLAIN ${credentials()}`, /^235 /);
  await smtp.command(`MAIL FROM:<${login ? ACCOUNT : "stranger@example.org"}>`, /^250 /);
  await smtp.command(`RCPT TO:<${ACCOUNT}>`, /^250 /);
  await smtp.command("DATA", /^354 /);
  await smtp.command([...lines, "."].join("\r\n"), /^250 /);
  await smtp.command("QUIT", /^221 /);
}

/** Collects all messages, as octets with CRLF line ends; deletes them where `remove` says so. */
export async function collect(port: number, { tls = false, remove = false } = {}): Promise<Buffer[]> {
  const pop3 = await (tls ? Dialogue.connectTls(port) : Dialogue.connect(port));
  await pop3.expect(/^\+OK/);
  await pop3.command(`USER ${ACCOUNT}`, /^\+OK/);
  await pop3.command(`PASS ${PASSWORD}`, /^\+OK/);
  const count = Number(/^\+OK (\d+) /.exec(await pop3.command("STAT", /^\+OK/))?.[1]);
  const messages: Buffer[] = [];
  for (let number = 1; number <= count; number++) {
    await pop3.command(`RETR ${number}`, /^\+OK/);
    messages.push(await pop3.multiline());
    if (remove) await pop3.command(`DELE ${number}`, /^\+OK/);
  }
  await pop3.command("QUIT", /^\+OK/);
  return messages;
}

function credentials(): string {
  return Buffer.from(`\0${ACCOUNT}\0${PASSWORD}`).toString("base64");
}
