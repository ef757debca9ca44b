/**
 * One header field in ASCII: by its name it is known what may be encoded in it, and how (RFC 6858 §2). Pure.
 *
 *   fields of addresses                     encoded names, A-labels, addresses that are nobody's (address-list.ts)
 *   Content-Type, Content-Disposition       parameters by RFC 2231 (mime-parameters.ts)
 *   identifiers                             those that are ASCII
 *   dates, signatures, lists' addresses …   left out, unless only a comment is not ASCII
 *   Subject and whatever else there is      encoded-words (encoded-word.ts)
 */
import { putAddressList, putPhraseList, putReturnPath } from "./address-list.js";
import { putCommented, putMessageIds, putReceived } from "./comment.js";
import { putWords } from "./encoded-word.js";
import { FieldWriter, wordsOf } from "./field-writer.js";
import { putMimeField } from "./mime-parameters.js";
import { tokensOf } from "./tokens.js";

/** Writes a field's body; false when the field has to be left out. */
type Put = (writer: FieldWriter, body: string) => boolean;

/** RFC 6858 §2.1 names them, and RFC 5322 §3.6.6 the last. */
const OF_ADDRESSES = ["from", "sender", "reply-to", "to", "cc", "bcc"];
const OF_IDENTIFIERS = ["message-id", "in-reply-to", "references", "content-id"];
const OF_MIME = ["content-type", "content-disposition"];
/** RFC 5322, RFC 2045, RFC 6376, RFC 8617, RFC 8601, RFC 7208, RFC 2369. */
const OF_NOTHING_TO_ENCODE = [
  ...["date", "resent-date", "mime-version", "content-transfer-encoding", "content-location"],
  ...["dkim-signature", "arc-seal", "arc-message-signature", "arc-authentication-results"],
  ...["authentication-results", "received-spf"],
  ...["list-help", "list-unsubscribe", "list-subscribe", "list-post", "list-owner", "list-archive"],
];

const FIELDS: ReadonlyMap<string, Put> = new Map<string, Put>([
  ...OF_ADDRESSES.flatMap((name) => pairs(putAddressList, name, `resent-${name}`)),
  ...OF_IDENTIFIERS.flatMap((name) => pairs(putMessageIds, name, `resent-${name}`)),
  ...OF_MIME.flatMap((name) => pairs(putMimeField, name)),
  ...OF_NOTHING_TO_ENCODE.flatMap((name) =>
    pairs((writer, body) => putCommented(writer, tokensOf(body)), name),
  ),
  ["return-path", putReturnPath],
  ["received", putReceived],
  ["keywords", putPhraseList],
]);

function pairs(put: Put, ...names: string[]): [string, Put][] {
  return names.map((name) => [name, put]);
}

/** `field-name = 1*ftext`, white space before the colon as in RFC 5322 §4.5. */
const FIELD = /^([\x21-\x39\x3b-\x7e]+)[ \t]*:(.*)$/s;
/** The same with a name that nobody may give to a field of ASCII. */
const NAMED_OTHERWISE = /^[\x21-\x39\x3b-\x7e\x80-\xff]+[ \t]*:/;
const FOLD = /\r?\n(?=[ \t])/g;
const LINE_END = /\r?\n$/;

/**
 * A field, or a line that is none, in ASCII; "" for one that is left out.
 * @param octets latin1, with the line end if there is one
 * @returns latin1; lines end in LF
 */
export function fieldInAscii(octets: string): string {
  const field = inAscii(octets.replace(LINE_END, "").replace(FOLD, ""));
  return field === undefined ? "" : field + (octets.endsWith("\n") ? "\n" : "");
}

/** Undefined for what is to be left out. */
function inAscii(text: string): string | undefined {
  const [, name, body = ""] = FIELD.exec(text) ?? [];
  if (name === undefined && NAMED_OTHERWISE.test(text)) return undefined;
  const writer = new FieldWriter(name === undefined ? "" : `${name}:`);
  const put = name === undefined ? putLine : (FIELDS.get(name.toLowerCase()) ?? putUnstructured);
  return put(writer, name === undefined ? text : body) ? writer.text : undefined;
}

function putUnstructured(writer: FieldWriter, body: string): true {
  const [first, ...rest] = wordsOf(body);
  if (first !== undefined) putWords(writer, [{ ...first, space: first.space || " " }, ...rest]);
  return true;
}

/** A line that is no field: mbox's "From " line, or text where a header should be. */
function putLine(writer: FieldWriter, text: string): true {
  putWords(writer, wordsOf(text));
  return true;
}
