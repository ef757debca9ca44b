/** What reads octets of strangers. */
import type { Target } from "./target.js";
import { commandLine } from "./targets/command-line.js";
import { lineReader } from "./targets/line-reader.js";
import { maildirName } from "./targets/maildir-name.js";
import { maildirsize } from "./targets/maildirsize.js";
import { pop3Session } from "./targets/pop3-session.js";
import { proxyHeader } from "./targets/proxy-header.js";
import { saslExchange } from "./targets/sasl-exchange.js";

export const TARGETS: readonly Target[] = [
  lineReader,
  commandLine,
  pop3Session,
  saslExchange,
  maildirName,
  maildirsize,
  proxyHeader,
];
