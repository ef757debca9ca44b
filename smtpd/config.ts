/** smtpd.toml: every option of smtpd, with its type, default and help. */
import { z } from "zod";
import {
  commonOptions,
  connectionLimits,
  listenerOptions,
  listenersWithoutCertificate,
  logOptions,
  oauthOptions,
  SECOND,
  tlsOptions,
} from "../shared/config/common.js";
import {
  choice,
  count,
  duration,
  flag,
  list,
  optionalTable,
  path,
  size,
  table,
} from "../shared/config/option.js";
import { queueOptions } from "./queue-options.js";
import { dnsOptions, relayOptions, routeOptions, sendingMistakes } from "./sending-options.js";

const KIB = 1024;

export const ROLES = ["mx", "submission", "lmtp"] as const;

export const smtpdSchema = z
  .strictObject({
    ...commonOptions,
    aliases: path().optional().describe("The aliases, in the format of aliases(5); none by default."),
    state_dir: path()
      .prefault("/var/lib/pillarbox")
      .describe("Where smtpd keeps what must survive it; the queue is <state_dir>/queue."),
    listen: list(
      table({
        ...listenerOptions,
        role: choice(ROLES)
          .prefault("mx")
          .describe(
            '"mx" takes mail for our domains from anyone; "submission" any mail from users who log in; "lmtp" mail for our domains from trusted hosts, by LMTP.',
          ),
        early_talker_delay: duration()
          .prefault("0s")
          .describe(
            "Wait this long before the greeting and refuse a client that does not wait; not at all by default.",
          ),
      }),
      "[[listen]] tables, one at least",
      1,
    )
      .prefault([{ address: "0.0.0.0:25" }, { address: "[::]:25" }])
      .describe("Where mail is taken in; by default on port 25 of every address."),
    tls: tlsOptions,
    oauth: oauthOptions,
    limits: optionalTable({
      ...connectionLimits,
      message_size: size(64 * KIB)
        .prefault("50MiB")
        .describe("A message, as it is sent (RFC 5321 §4.5.3.1.7 asks for 64 KiB)."),
      header_size: size(64 * KIB)
        .prefault("256KiB")
        .describe("The header of a message."),
      line_length: size(1000)
        .prefault("1MiB")
        .describe("A line of a message (RFC 5321 §4.5.3.1.6 asks for 1000 octets)."),
      command_length: size(1036).prefault("4KiB").describe("A command line (RFC 3461 asks for 1036 octets)."),
      recipients: count(100, 100_000)
        .prefault(1000)
        .describe("Recipients of a message (RFC 5321 asks for at least 100)."),
      recipients_per_hour: count(1, 10_000_000)
        .prefault(1000)
        .describe("Recipients that an account may send to in an hour."),
      errors: count(1, 10_000)
        .prefault(20)
        .describe("Commands of a session that end in an error; then it is closed."),
      error_delay: duration()
        .prefault("1s")
        .describe(
          "From half of these errors on, each reply to an error waits this much longer than the one before, up to 10s.",
        ),
      command_time: duration(SECOND)
        .prefault("5m")
        .describe("From a reply to the end of the next command line."),
      data_idle_time: duration(SECOND).prefault("3m").describe("Between two pieces of a message."),
      data_time: duration(SECOND)
        .prefault("1h")
        .describe("From DATA, or the first BDAT, to the end of the message."),
      session_time: duration(SECOND).prefault("6h").describe("A session in all."),
    }),
    receive: optionalTable({
      bare_lf: choice(["normalize", "refuse"])
        .prefault("normalize")
        .describe(
          'A line that ends in LF without CR: "normalize" takes it as a line end, "refuse" refuses the message.',
        ),
      refuse_null_mx_senders: flag()
        .prefault(false)
        .describe(
          "Refuse a sender whose domain takes no mail (RFC 7505), so that nobody could answer; for this DNS is asked about senders, but not about users who log in.",
        ),
      srs_secret_file: path()
        .optional()
        .describe(
          "A file with a secret on each line: mail that an alias sends on to another host gets a reverse-path of ours (SRS), signed with the first; by default it keeps the original one.",
        ),
    }),
    queue: queueOptions,
    dns: dnsOptions,
    relay: relayOptions,
    route: routeOptions,
    log: logOptions,
  })
  .refine((config) => !listenersWithoutCertificate(config), {
    path: ["tls"],
    error: 'a [tls] table with certificate and key, since a listener has tls = "implicit"',
  })
  .superRefine((config, context) => {
    for (const { path, allowed } of sendingMistakes(config))
      context.addIssue({ code: "custom", path, message: allowed });
  });

export type SmtpdConfig = z.output<typeof smtpdSchema>;
export type SmtpdListenerConfig = SmtpdConfig["listen"][number];
export type Role = (typeof ROLES)[number];
