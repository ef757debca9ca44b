/** How text is spoken in a session, as the client has asked for it (RFC 6856). Pure. */
import { english } from "./language/english.js";
import type { Language } from "./language/language.js";

export class TextMode {
  /** What the administrator would have (`LANG *`). */
  readonly preferred: Language;
  /** Of the texts of replies. US-ASCII until the client has said that it reads UTF-8, by asking for a language. */
  language: Language = english;
  /** UTF-8 mode: messages may be sent with UTF-8 in their headers (RFC 6856 §2.1). */
  utf8 = false;

  constructor(preferred: Language) {
    this.preferred = preferred;
  }

  /** What was said before TLS is forgotten: it may not have been the client who said it (RFC 2595 §4, RFC 6856 §7). */
  reset(): void {
    this.language = english;
    this.utf8 = false;
  }
}
