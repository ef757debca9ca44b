/** How text is spoken in a session, as the client has asked for it (RFC 6856). Pure. */
import { english } from "./language/english.js";
import type { Language } from "./language/language.js";

export class TextMode {
  /** Of the texts of replies. */
  language: Language = english;
  /** UTF-8 mode: messages may be sent with UTF-8 in their headers (RFC 6856 §2.1). */
  utf8 = false;

  /** What was said before TLS is forgotten: it may not have been the client who said it (RFC 2595 §4). */
  reset(): void {
    this.language = english;
    this.utf8 = false;
  }
}
