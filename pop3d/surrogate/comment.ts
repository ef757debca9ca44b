/** Comments of structured fields (RFC 5322 §3.2.2), and fields in which nothing else may be encoded. Pure. */
import { needsEncoding, putEncoded } from "./encoded-word.js";
import type { FieldWriter } from "./field-writer.js";
import { meaningOf, type Token, tokensOf } from "./tokens.js";

/** RFC 2047 §5 (2). Comments within it become a part of its text. */
export function putComment(writer: FieldWriter, comment: Token): void {
  if (needsEncoding(comment.text)) putEncoded(writer, " ", meaningOf(comment), { before: "(", after: ")" });
  else writer.putText(` ${comment.text}`);
}

/**
 * A structured field whose other parts have no encoding, such as a date or a signature: false when one of them is not
 * ASCII (RFC 6858 §2.4 has such a field left out).
 */
export function putCommented(writer: FieldWriter, tokens: readonly Token[]): boolean {
  if (tokens.some(({ kind, text }) => kind !== "comment" && needsEncoding(text))) return false;
  let plain = "";
  for (const token of tokens) {
    if (token.kind !== "comment") {
      plain += token.text;
      continue;
    }
    writer.putText(plain);
    plain = "";
    putComment(writer, token);
  }
  writer.putText(plain);
  return true;
}

/** Message-ID, In-Reply-To, References …: the identifiers that are ASCII, so that threads hold as far as they can. */
export function putMessageIds(writer: FieldWriter, body: string): boolean {
  const ids = (body.match(/<[^<>]*>/g) ?? []).filter((id) => !needsEncoding(id));
  for (const id of ids) writer.put(" ", id);
  return ids.length > 0;
}

/** Received: the clause that names the recipient is left out where it is not ASCII (RFC 6857 §3.2.6 has it so, too). */
export function putReceived(writer: FieldWriter, body: string): boolean {
  return putCommented(writer, withoutForClause(tokensOf(body)));
}

function withoutForClause(tokens: readonly Token[]): readonly Token[] {
  const start = tokens.findIndex(({ kind, text }) => kind === "atom" && text.toLowerCase() === "for");
  if (start < 0) return tokens;
  let end = start + 1;
  if (tokens[end]?.kind === "space") end++;
  while (tokens[end] !== undefined && !isEndOfClause(tokens[end])) end++;
  const clause = tokens.slice(start, end);
  if (!clause.some(({ text }) => needsEncoding(text))) return tokens;
  const before = tokens[start - 1]?.kind === "space" ? start - 1 : start;
  return [...tokens.slice(0, before), ...tokens.slice(end)];
}

function isEndOfClause(token: Token | undefined): boolean {
  return token === undefined || ["space", "comment"].includes(token.kind) || token.text === ";";
}
