/**
 * The tokens of a structured field (RFC 5322 §3.2, RFC 2045 §5.1). Pure. Never fails: what is not closed goes on to the
 * end of the field, and together the tokens are always the whole text.
 */

export interface Token {
  readonly kind: "space" | "comment" | "quoted" | "special" | "atom";
  /** As it stands, with quotes or parentheses. */
  readonly text: string;
}

const SPECIALS = "<>,:;@[]()";
/** What ends an atom. */
const DELIMITER = /[ \t"()<>,:;@[\]]/g;
const NOT_SPACE = /[^ \t]/g;

export function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  for (let start = 0; start < text.length; ) {
    const [kind, end] = tokenAt(text, start);
    tokens.push({ kind, text: text.slice(start, end) });
    start = end;
  }
  return tokens;
}

function tokenAt(text: string, start: number): [kind: Token["kind"], end: number] {
  const first = text[start] ?? "";
  if (first === " " || first === "\t") return ["space", next(NOT_SPACE, text, start)];
  if (first === '"') return ["quoted", endOfQuoted(text, start)];
  if (first === "(") return ["comment", endOfComment(text, start)];
  if (SPECIALS.includes(first)) return ["special", start + 1];
  return ["atom", next(DELIMITER, text, start)];
}

function next(pattern: RegExp, text: string, from: number): number {
  pattern.lastIndex = from;
  return pattern.exec(text)?.index ?? text.length;
}

function endOfQuoted(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === '"') return at + 1;
  }
  return text.length;
}

function endOfComment(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === "(") depth++;
    else if (text[at] === ")" && --depth === 0) return at + 1;
  }
  return text.length;
}

/** Tokens as they stand. */
export function textOf(tokens: readonly Token[]): string {
  return tokens.map(({ text }) => text).join("");
}

/** What a token stands for: a quoted-string or a comment without its frame and its quoted-pairs. */
export function meaningOf({ kind, text }: Token): string {
  if (kind === "quoted") return unframed(text, '"');
  return kind === "comment" ? unframed(text, ")") : text;
}

function unframed(text: string, close: string): string {
  // The last octet of one that is not closed is a part of it, and so may a quoted one be.
  const closed = text.length > 1 && text.endsWith(close) && !/(?<!\\)(?:\\\\)*\\.$/s.test(text);
  return text.slice(1, closed ? -1 : undefined).replace(/\\(.)/gs, "$1");
}

/** The parts between the separators that stand by themselves, neither in quotes nor in comments. */
export function splitAt(tokens: readonly Token[], separator: string): Token[][] {
  let part: Token[] = [];
  const parts = [part];
  for (const token of tokens) {
    if (token.kind === "special" && token.text === separator) {
      part = [];
      parts.push(part);
    } else part.push(token);
  }
  return parts;
}
