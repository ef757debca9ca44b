/** How text is spoken in a session, as the client has asked for it (RFC 6856). Pure. */
import { english } from "./language/english.js";
import type { Language } from "./language/language.js";
import type { NonAsciiHeaders } from "./maildrop.js";

export class TextMode {
  /** What the administrator would have (`LANG *`). */
  readonly preferred: Language;
  /** Of the texts of replies. US-ASCII until the client has said that it reads UTF-8, by asking for a language. */
  language: Language = english;
  /** UTF-8 mode: messages may be sent with UTF-8 in their headers (RFC 6856 §2.1). */
  utf8 = false;

  readonly #headersInAscii: "surrogate" | "refuse";

  /** @param headersInAscii what is sent of messages whose headers are not ASCII, as long as UTF-8 mode is off */
  constructor(preferred: Language, headersInAscii: "surrogate" | "refuse") {
    this.preferred = preferred;
    this.#headersInAscii = headersInAscii;
  }

  /** What is sent of messages whose headers are not ASCII. */
  get nonAsciiHeaders(): NonAsciiHeaders {
    return this.utf8 ? "as stored" : this.#headersInAscii;
  }

  /** What was said before TLS is forgotten: it may not have been the client who said it (RFC 2595 §4, RFC 6856 §7). */
  reset(): void {
    this.language = english;
    this.utf8 = false;
  }
}
