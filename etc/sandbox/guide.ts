/** What the sandbox tells whoever started it: how to point a mail program at it, and how to try it with curl. Pure. */
import { ACCOUNT, ADDRESS, type Layout, PASSWORD, type Ports } from "./layout.js";

export function guide(layout: Layout, ports: Ports): string {
  return `
pillarbox is running in ${layout.directory}

  A mail program asks for:
    address    ${ACCOUNT}
    user       ${ACCOUNT}
    password   ${PASSWORD}
    incoming   POP3, server ${ADDRESS}, port ${ports.pop3s} with SSL/TLS, or port ${ports.pop3} with STARTTLS or without
    outgoing   SMTP, server ${ADDRESS}, port ${ports.submission} with STARTTLS or without, user and password as above
    The certificate is self-signed: accept it when asked, or trust ${layout.certificate}
    Port ${ports.smtp} takes mail for ${ACCOUNT} from anyone, as from other mail servers.

  Send a message:
    ${sendCommand(layout, ports)}

  Collect the first one:
    ${collectCommand(layout, ports)}

  Messages lie in ${layout.maildir.path}
  Mail for other domains really leaves, by their own hosts. What waits for them lies in ${layout.stateDirectory}/queue;
    smtpd queue list --config ${quoted(layout.smtpdConfig)}
  shows it (where smtpd is not installed: node dist/smtpd/main.js).
  Ctrl-C stops both daemons and leaves everything as it is.

`;
}

/** A line for a shell that sends a message, logged in and over TLS. */
export function sendCommand(layout: Layout, ports: Ports): string {
  const message = `From: <${ACCOUNT}>\\r\\nTo: <${ACCOUNT}>\\r\\nSubject: Hello\\r\\n\\r\\nHello, pillarbox.\\r\\n`;
  return [
    `printf '${message}' |`,
    `curl -sS --ssl-reqd --cacert ${quoted(layout.certificate)} --user ${ACCOUNT}:${PASSWORD}`,
    `--mail-from ${ACCOUNT} --mail-rcpt ${ACCOUNT} --upload-file - smtp://${ADDRESS}:${ports.submission}`,
  ].join(" ");
}

/** A line for a shell that prints the first message of the maildrop. */
export function collectCommand(layout: Layout, ports: Ports): string {
  return [
    `curl -sS --cacert ${quoted(layout.certificate)} --user ${ACCOUNT}:${PASSWORD}`,
    `pop3s://${ADDRESS}:${ports.pop3s}/1`,
  ].join(" ");
}

/** A path as a shell reads it back. */
function quoted(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
