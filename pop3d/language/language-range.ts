/** Basic language ranges (RFC 4647 §2.1), and the language that one asks for. Pure. */
import { LANGUAGE_TAGS, type Language } from "./language.js";
import { LANGUAGES } from "./languages.js";

/** `language-range = (1*8ALPHA *("-" 1*8alphanum)) / "*"`, in lower case, since case does not matter. */
export type LanguageRange = string;

const RANGE = /^(?:[a-z]{1,8}(?:-[a-z0-9]{1,8})*|\*)$/;

/** Undefined when the text is no range. */
export function languageRange(text: string): LanguageRange | undefined {
  const range = text.toLowerCase();
  return RANGE.test(range) ? range : undefined;
}

/**
 * Lookup (RFC 4647 §3.4): of a range that nobody speaks the last subtag is taken away until somebody does, so `de-AT` is
 * answered in `de`. In other words, the longest tag that the range begins with. (Filtering, §3.3.1, finds any number of
 * languages that are as narrow as the range or narrower, and for `de-AT` none.)
 */
export function lookUp(range: LanguageRange): Language | undefined {
  const tag = [...LANGUAGE_TAGS]
    .sort((a, b) => b.length - a.length)
    .find((tag) => `${range}-`.startsWith(`${tag.toLowerCase()}-`));
  return tag && LANGUAGES[tag];
}
