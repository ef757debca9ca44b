/**
 * Fields of addresses (RFC 5322 §3.4): display names and comments become encoded-words, domains A-labels. An address
 * whose local-part is not ASCII has no form in ASCII, and its owner must not get an answer at another's: it gives its
 * place to one that is nobody's, and stands in the display name for the user to see (RFC 6858 §2.1). Pure.
 *
 *   Jörg <joerg@bücher.example>     =?utf-8?Q?J=C3=B6rg?= <joerg@xn--bcher-kva.example>
 *   Jörg <jörg@example.org>         =?utf-8?Q?J=C3=B6rg_=28j=C3=B6rg=40…=29?= <invalid@internationalized-address.invalid>
 */
import { isUtf8 } from "node:buffer";
import { parseDomain } from "../../shared/address.js";
import { putComment } from "./comment.js";
import { needsEncoding, putWords } from "./encoded-word.js";
import { type FieldWriter, trimmed, type Word } from "./field-writer.js";
import { meaningOf, splitAt, type Token, textOf, tokensOf } from "./tokens.js";

/** RFC 6858 §2.1 has this one. */
const INVALID = "<invalid@internationalized-address.invalid>";

/** A domain of 255 octets is no longer than this in UTF-8 (RFC 5321 §4.5.3.1.2); converting one takes its length squared. */
const DOMAIN_OCTETS_MAX = 1024;

export function putAddressList(writer: FieldWriter, body: string): true {
  for (const { tokens, end } of elementsOf(tokensOf(body))) {
    // The name of a group is a phrase by itself.
    if (end === ":" && needsEncoding(textOf(tokens))) putPhrase(writer, tokens);
    else putMailbox(writer, tokens);
    writer.add(end);
  }
  return true;
}

/** Return-Path has a path and nothing else. */
export function putReturnPath(writer: FieldWriter, body: string): true {
  const { address } = partsOf(tokensOf(body));
  const ascii = address === "" ? "" : asciiAddress(address);
  writer.put(" ", ascii === undefined ? INVALID : `<${ascii}>`);
  return true;
}

/** Keywords: phrases with commas between them (RFC 5322 §3.6.5). */
export function putPhraseList(writer: FieldWriter, body: string): true {
  for (const [i, tokens] of splitAt(tokensOf(body), ",").entries()) {
    if (i > 0) writer.add(",");
    putPhrase(writer, tokens);
  }
  return true;
}

interface Element {
  readonly tokens: readonly Token[];
  /** What ends it: `:` after the name of a group, `;` at the end of one. */
  readonly end: "," | ":" | ";" | "";
}

/** The mailboxes and names of groups in a list. Within brackets a comma belongs to a route of old, a colon
 * to an IPv6 address. */
function* elementsOf(tokens: readonly Token[]): Generator<Element> {
  let element: Token[] = [];
  let enclosed = false;
  for (const token of tokens) {
    const { kind, text } = token;
    if (kind === "special" && "<[]>".includes(text)) enclosed = "<[".includes(text);
    if (kind === "special" && !enclosed && (text === "," || text === ":" || text === ";")) {
      yield { tokens: element, end: text };
      element = [];
    } else element.push(token);
  }
  yield { tokens: element, end: "" };
}

function putMailbox(writer: FieldWriter, tokens: readonly Token[]): void {
  if (!needsEncoding(textOf(tokens))) {
    const text = trimmed(textOf(tokens));
    if (text !== "") writer.putText(` ${text}`);
    return;
  }
  const { phrase, address, angled, rest } = partsOf(tokens);
  const ascii = asciiAddress(address);
  const named = phrase.some(({ kind }) => kind !== "space" && kind !== "comment");
  if (ascii === undefined) {
    const shown: Token = { kind: "quoted", text: named ? `"(${address})"` : `"${address}"` };
    putPhrase(writer, address === "" ? phrase : [...phrase, { kind: "space", text: " " }, shown]);
  } else putPhrase(writer, phrase);
  // Without brackets what is no address at all (a name by itself, say) must not be left to be taken for one.
  if (ascii !== undefined) writer.putText(angled ? ` <${ascii}>` : ` ${ascii}`);
  else if (named || address !== "") writer.put(" ", INVALID);
  for (const token of rest) if (token.kind === "comment") putComment(writer, token);
}

interface MailboxParts {
  readonly phrase: readonly Token[];
  /** Without its brackets, white space and comments; "" where there is none. */
  readonly address: string;
  readonly angled: boolean;
  readonly rest: readonly Token[];
}

function partsOf(tokens: readonly Token[]): MailboxParts {
  const open = tokens.findIndex(({ kind, text }) => kind === "special" && text === "<");
  if (open >= 0) {
    const close = tokens.findIndex(({ kind, text }, i) => i > open && kind === "special" && text === ">");
    const [inner, rest] =
      close < 0 ? [tokens.slice(open + 1), []] : [tokens.slice(open + 1, close), tokens.slice(close + 1)];
    return { phrase: tokens.slice(0, open), address: addressIn(inner), angled: true, rest };
  }
  // Without an "@" it is a name, and no address.
  const isAddress = tokens.some(({ kind, text }) => kind === "special" && text === "@");
  if (!isAddress) return { phrase: tokens, address: "", angled: false, rest: [] };
  return { phrase: [], address: addressIn(tokens), angled: false, rest: tokens };
}

function addressIn(tokens: readonly Token[]): string {
  return textOf(tokens.filter(({ kind }) => kind !== "space" && kind !== "comment"));
}

/** An address as it may stand in ASCII; undefined when it may not. A source route is left out (RFC 5322 §4.4). */
function asciiAddress(address: string): string | undefined {
  if (!needsEncoding(address)) return address === "" ? undefined : address;
  const routed = address.startsWith("@") ? address.slice(address.indexOf(":") + 1) : address;
  const at = routed.lastIndexOf("@");
  const [localPart, domain] = [routed.slice(0, at), Buffer.from(routed.slice(at + 1), "latin1")];
  if (at < 1 || needsEncoding(localPart) || domain.length > DOMAIN_OCTETS_MAX || !isUtf8(domain))
    return undefined;
  const ascii = parseDomain(domain.toString());
  return ascii === undefined ? undefined : `${localPart}@${ascii}`;
}

/** Words with their comments. Tokens that no white space parts are one word. */
function putPhrase(writer: FieldWriter, tokens: readonly Token[]): void {
  let words: Word[] = [];
  let space = " ";
  let together = false;
  for (const token of tokens) {
    if (token.kind === "space") {
      [space, together] = [token.text, false];
      continue;
    }
    if (token.kind === "comment") {
      putWords(writer, words);
      putComment(writer, token);
      [words, space, together] = [[], " ", false];
      continue;
    }
    const last = together ? words.pop() : undefined;
    words.push({
      space: last?.space ?? space,
      text: (last?.text ?? "") + token.text,
      meaning: (last?.meaning ?? "") + meaningOf(token),
    });
    together = true;
  }
  putWords(writer, words);
}
