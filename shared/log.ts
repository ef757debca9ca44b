/**
 * The log: one JSON object a line on standard output, or lines for people on a terminal.
 *
 * Written synchronously: a worker transport would lose the last lines before an exit, and those are the ones
 * that say why. Nothing that a client sent in confidence (a password) and no part of a message is ever given
 * to it; at level "trace" the dialogue appears with both masked.
 */
import pino, { type Logger } from "pino";
import pretty from "pino-pretty";

export type Log = Logger;
export const LOG_LEVELS = ["fatal", "error", "warn", "info", "debug", "trace"] as const;
export const LOG_FORMATS = ["auto", "json", "pretty"] as const;

export interface LogOptions {
  readonly level: (typeof LOG_LEVELS)[number];
  readonly format: (typeof LOG_FORMATS)[number];
}

/** What is kept for later while the log cannot be written (a full disk); more is dropped. */
const BACKLOG_OCTETS_MAX = 1024 * 1024;

/**
 * Opens the log of the program `name`. `auto` is pretty on a terminal and JSON elsewhere.
 * @param fd standard output; 2, standard error, for commands whose output is something else
 */
export function openLog(name: string, { level, format }: LogOptions, fd: 1 | 2 = 1): Log {
  const forPeople = format === "pretty" || (format === "auto" && process.stdout.isTTY === true);
  const output = forPeople
    ? pretty({
        sync: true,
        destination: fd,
        ignore: "pid,hostname,name",
        messageFormat: `${name}: {msg}`,
        singleLine: true,
      })
    : pino.destination({ fd, sync: true, maxLength: BACKLOG_OCTETS_MAX });
  // A full disk, or a pipe whose reader is gone, must not end a mail server: what cannot be logged is served all the same.
  output.on("error", () => {});
  return pino(
    {
      name,
      level,
      formatters: { level: (label) => ({ level: label }) },
      timestamp: pino.stdTimeFunctions.isoTime,
    },
    output,
  );
}
