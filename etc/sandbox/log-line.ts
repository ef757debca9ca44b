/** The daemons' log, JSON as they write it, made readable. Pure. */
import { prettyFactory } from "pino-pretty";

export type LogLine = Readonly<Record<string, unknown>>;

/** Reads a line of a log; undefined for what is none, such as a line of Node's own. */
export function parseLogLine(line: string): LogLine | undefined {
  try {
    const parsed: unknown = JSON.parse(line);
    return typeof parsed === "object" && parsed !== null ? { ...parsed } : undefined;
  } catch {
    return undefined;
  }
}

/** What turns a line of a program's log into one for people; a line that is none comes back as it is. */
export function readableLog(program: string, colours: boolean): (line: string) => string {
  const pretty = prettyFactory({
    colorize: colours,
    ignore: "pid,hostname,name",
    messageFormat: `${program}: {msg}`,
    singleLine: true,
    translateTime: "SYS:HH:MM:ss.l",
  });
  return (line) => (parseLogLine(line) === undefined ? `${line}\n` : pretty(line));
}
