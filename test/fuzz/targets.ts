/** What reads octets of strangers. */
import type { Target } from "./target.js";
import { commandLine } from "./targets/command-line.js";
import { courierList } from "./targets/courier-list.js";
import { dovecotUidlist } from "./targets/dovecot-uidlist.js";
import { lineReader } from "./targets/line-reader.js";
import { mailArguments } from "./targets/mail-arguments.js";
import { maildirName } from "./targets/maildir-name.js";
import { maildirsize } from "./targets/maildirsize.js";
import { messageOctets } from "./targets/message-octets.js";
import { pop3Session } from "./targets/pop3-session.js";
import { proxyHeader } from "./targets/proxy-header.js";
import { queueEnvelope } from "./targets/queue-envelope.js";
import { saslExchange } from "./targets/sasl-exchange.js";
import { sizesFile } from "./targets/sizes-file.js";
import { surrogate } from "./targets/surrogate.js";

export const TARGETS: readonly Target[] = [
  lineReader,
  commandLine,
  pop3Session,
  saslExchange,
  surrogate,
  maildirName,
  maildirsize,
  sizesFile,
  dovecotUidlist,
  courierList,
  proxyHeader,
  queueEnvelope,
  mailArguments,
  messageOctets,
];
