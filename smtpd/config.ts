/** smtpd.toml: every option of smtpd, with its type, default and help. */
import { z } from "zod";
import {
  commonOptions,
  connectionLimits,
  listenerOptions,
  listenersWithoutCertificate,
  logOptions,
  tlsOptions,
} from "../shared/config/common.js";
import { choice, count, duration, list, optionalTable, path, size, table } from "../shared/config/option.js";

export const ROLES = ["mx", "submission"] as const;

export const smtpdSchema = z
  .strictObject({
    ...commonOptions,
    aliases: path().optional().describe("The aliases, in the format of aliases(5); none by default."),
    listen: list(
      table({
        ...listenerOptions,
        role: choice(ROLES)
          .prefault("mx")
          .describe(
            '"mx" takes mail for our domains from anyone; "submission" takes any mail from users who log in.',
          ),
        early_talker_delay: duration()
          .prefault("0s")
          .describe(
            "Wait this long before the greeting and refuse a client that does not wait; not at all by default.",
          ),
      }),
      "[[listen]] tables",
      1,
    ),
    tls: tlsOptions,
    limits: optionalTable({
      ...connectionLimits,
      message_size: size().prefault("50MiB").describe("A message, as it is sent."),
      header_size: size().prefault("256KiB").describe("The header of a message."),
      line_length: size().prefault("1MiB").describe("A line of a message."),
      command_length: size()
        .prefault("4KiB")
        .describe("A command line (RFC 5321 asks for 512 octets, AUTH for more)."),
      recipients: count(100, 100_000)
        .prefault(1000)
        .describe("Recipients of a message (RFC 5321 asks for at least 100)."),
      errors: count(1, 10_000)
        .prefault(20)
        .describe("Commands of a session that end in an error; then it is closed."),
      error_delay: duration()
        .prefault("1s")
        .describe(
          "From half of these errors on, each reply to an error waits this much longer than the one before.",
        ),
      command_time: duration("1s")
        .prefault("5m")
        .describe("From a reply to the end of the next command line."),
      data_idle_time: duration("1s").prefault("3m").describe("Between two pieces of a message."),
      data_time: duration("1s").prefault("1h").describe("From DATA to the end of the message."),
      session_time: duration("1s").prefault("6h").describe("A session in all."),
    }),
    receive: optionalTable({
      bare_lf: choice(["normalize", "refuse"])
        .prefault("normalize")
        .describe(
          "What becomes of a line that ends in LF without CR: taken as a line end, or the message refused.",
        ),
    }),
    log: logOptions,
  })
  .refine((config) => !listenersWithoutCertificate(config), {
    path: ["tls"],
    error: 'a [tls] table with certificate and key, since a listener has tls = "implicit"',
  });

export type SmtpdConfig = z.output<typeof smtpdSchema>;
export type SmtpdListenerConfig = SmtpdConfig["listen"][number];
export type Role = (typeof ROLES)[number];
