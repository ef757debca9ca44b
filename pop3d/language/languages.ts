/** The languages that pop3d speaks. Pure. */
import { english } from "./english.js";
import { german } from "./german.js";
import { japanese } from "./japanese.js";
import type { Language, LanguageTag } from "./language.js";

export const LANGUAGES: Readonly<Record<LanguageTag, Language>> = {
  en: english,
  de: german,
  ja: japanese,
};
