/** A language that replies can be in: a translation of every text. Pure. */
import type { PlainText, Text, ToldText, ToldTexts } from "./texts.js";

/** As RFC 5646 has them. */
export const LANGUAGE_TAGS = ["en", "de", "ja"] as const;

export type LanguageTag = (typeof LANGUAGE_TAGS)[number];

export interface Language {
  readonly tag: LanguageTag;
  /** Of the language in the language itself. */
  readonly name: string;
  readonly plain: (text: PlainText) => string;
  readonly told: { readonly [K in keyof ToldTexts]: (parameters: ToldTexts[K]) => string };
}

/**
 * A text in a language. No CR or LF; it does not begin with "[" (RFC 2449 §6.4), and is short enough for the first line
 * of a reply, 512 octets with all that stands before it (RFC 2449 §4).
 */
export function textIn(language: Language, text: Text): string {
  return typeof text === "string" ? language.plain(text) : tell(language, text);
}

function tell<K extends keyof ToldTexts>({ told }: Language, text: ToldText<K>): string {
  return told[text.text](text);
}
