/** The languages that pop3d speaks. Pure. */
import { english } from "./english.js";
import { german } from "./german.js";
import { japanese } from "./japanese.js";
import type { Language } from "./language.js";

export const LANGUAGES: readonly Language[] = [english, german, japanese];
