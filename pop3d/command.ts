/**
 * Commands: the grammar of a command line and of arguments, and the dispatcher over a table of commands. Pure.
 *
 * RFC 2449 §3:  command = keyword *(SP param) CRLF;  keyword = 3*4VCHAR;  param = 1*VCHAR
 *
 * Keywords are case-insensitive. Arguments are parted by exactly one space; a table's row says how many there are, and
 * one too many is an error like one too few.
 */

import { decodeText } from "../shared/text.js";
import { mistake, type Step } from "./protocol.js";

/** A row of a table: a verb and what it does to a subject, the state of the session. */
export interface Command<Subject> {
  readonly verb: string;
  /** Undefined when the argument is not what the verb takes. */
  readonly handle: (subject: Subject, argument: string | undefined) => Step | undefined;
}

/**
 * Makes a row.
 * @param parse makes the arguments of all that follows the verb and its space (undefined when there is no space)
 */
export function command<Subject, Arguments>(
  verb: string,
  parse: (argument: string | undefined) => Arguments | undefined,
  run: (subject: Subject, args: Arguments) => Step,
): Command<Subject> {
  return {
    verb,
    handle: (subject, argument) => {
      const args = parse(argument);
      return args === undefined ? undefined : run(subject, args);
    },
  };
}

/** Finds the row for a command line and runs it. */
export function dispatch<Subject>(
  table: readonly Command<Subject>[],
  subject: Subject,
  octets: Buffer,
): Step {
  const { verb, argument } = splitLine(octets);
  const row = table.find((command) => command.verb === verb);
  if (row === undefined) return mistake("command not understood, or not at this time");
  return row.handle(subject, argument) ?? mistake({ text: "wrong arguments", verb: row.verb });
}

/** A line as verb, in upper case, and argument. An argument is read as UTF-8. */
export function splitLine(octets: Buffer): { readonly verb: string; readonly argument: string | undefined } {
  const space = octets.indexOf(" ");
  const verb = octets.toString("latin1", 0, space < 0 ? octets.length : space).toUpperCase();
  return { verb, argument: space < 0 ? undefined : (decodeText(octets.subarray(space + 1)) ?? NO_TEXT) };
}

/** NUL stands for octets that are no text; no argument may contain it. */
const NO_TEXT = "\0";
const CONTROL = /[\0-\x1f\x7f]/;
const NUMBER = /^\d+$/;

/** No argument, and no space after the verb. */
export function nothing(argument: string | undefined): true | undefined {
  return argument === undefined ? true : undefined;
}

/** Anything or nothing, for commands that do not care. */
export function anything(): true {
  return true;
}

/** All of the line, spaces included: RFC 1939 §7 lets a password have them. */
export function wholeText(argument: string | undefined): string | undefined {
  return argument === undefined || argument === "" || CONTROL.test(argument) ? undefined : argument;
}

/** Exactly `least` to `most` words. */
export function words(
  argument: string | undefined,
  least: number,
  most: number,
): readonly string[] | undefined {
  const parts = argument === undefined ? [] : argument.split(" ");
  const right = parts.length >= least && parts.length <= most;
  return right && parts.every((part) => part !== "" && !CONTROL.test(part)) ? parts : undefined;
}

/** One word. */
export function word(argument: string | undefined): string | undefined {
  return words(argument, 1, 1)?.[0];
}

/**
 * A message-number: decimal digits and nothing else, so that `1e0`, `0x1`, `+1` and `1.5` are no numbers. Leading
 * zeros do not matter. 0 and numbers beyond any maildrop are numbers of no message.
 */
export function messageNumber(argument: string | undefined): number | undefined {
  return argument !== undefined && NUMBER.test(argument) ? Number(argument) : undefined;
}

/** A message-number that may be left out. */
export function optionalMessageNumber(
  argument: string | undefined,
): { readonly number: number | undefined } | undefined {
  if (argument === undefined) return { number: undefined };
  const number = messageNumber(argument);
  return number === undefined ? undefined : { number };
}

/** TOP's message-number and number of lines. */
export function messageAndLines(
  argument: string | undefined,
): { readonly number: number; readonly lines: number } | undefined {
  const [first, second] = words(argument, 2, 2) ?? [];
  const number = messageNumber(first);
  const lines = messageNumber(second);
  return number === undefined || lines === undefined ? undefined : { number, lines };
}
