/** A command line: nothing is lost in splitting it, a number is what its digits say, and no secret gets into the log. */
import assert from "node:assert/strict";
import {
  messageAndLines,
  messageNumber,
  optionalMessageNumber,
  splitLine,
  wholeText,
  word,
  words,
} from "../../../pop3d/command.js";
import { shownLine } from "../../../pop3d/dialogue.js";
import { languageRange, lookUp } from "../../../pop3d/language/language-range.js";
import type { Target } from "../target.js";

const SHOWN_CHARACTERS_MAX = 300;

export const commandLine: Target = {
  name: "command-line",
  tokens: [
    "USER ",
    "PASS ",
    "TOP 1 0",
    "RETR ",
    "LIST",
    "LANG de-AT",
    "LANG *",
    "AUTH PLAIN ",
    "18446744073709551616",
  ],
  check: (line) => {
    const { verb, argument } = splitLine(line);
    assert.ok(!verb.includes(" "));
    assert.equal(verb, verb.toUpperCase());
    assert.equal(argument === undefined, !line.includes(" "));
    const text = line.toString("utf8");
    const isText = Buffer.from(text).equals(line);
    if (isText && argument !== undefined) assert.equal(argument, text.slice(text.indexOf(" ") + 1));
    const isTextAfterVerb = argument !== "\0" && argument !== undefined;
    if (isTextAfterVerb) assert.ok(line.subarray(line.indexOf(" ") + 1).equals(Buffer.from(argument)));

    checkArguments(argument);
    const shown = shownLine(line, false);
    assert.ok(shown.length <= SHOWN_CHARACTERS_MAX);
    if (["PASS", "AUTH", "APOP"].includes(verb)) assert.match(shown, /^[A-Z]{4} \(masked\)$/);
    assert.equal(shownLine(line, true), "(SASL response)");
  },
};

const CONTROL = /[\0-\x1f\x7f]/;

function checkArguments(argument: string | undefined): void {
  for (const text of [wholeText(argument), word(argument)]) {
    if (text !== undefined) assert.ok(text === argument && text !== "" && !CONTROL.test(text));
  }
  const parts = words(argument, 0, 3);
  if (parts !== undefined) {
    assert.ok(parts.length <= 3 && parts.every((part) => /^[^ \0-\x1f\x7f]+$/.test(part)));
    assert.equal(argument, parts.length === 0 ? undefined : parts.join(" "));
  }
  const number = messageNumber(argument);
  assert.equal(number !== undefined, argument !== undefined && /^[0-9]+$/.test(argument));
  if (number !== undefined && Number.isSafeInteger(number))
    assert.equal(BigInt(argument ?? ""), BigInt(number));
  const optional = optionalMessageNumber(argument);
  assert.deepEqual(optional, argument === undefined || number !== undefined ? { number } : undefined);
  const top = messageAndLines(argument);
  if (top !== undefined) assert.match(argument ?? "", /^[0-9]+ [0-9]+$/);

  const range = languageRange(argument ?? "");
  if (range === undefined) return;
  assert.equal(range, argument?.toLowerCase());
  const language = lookUp(range);
  if (language !== undefined) assert.ok(range === language.tag || range.startsWith(`${language.tag}-`));
}
