/** UTF8 and LANG (RFC 6856): the commands about how text is spoken, the same in AUTHORIZATION and TRANSACTION. Pure. */
import { type Command, command, nothing } from "./command.js";
import { type LanguageRange, languageRange, lookUp } from "./language/language-range.js";
import { LANGUAGES } from "./language/languages.js";
import { type Step, say } from "./protocol.js";
import { err, ok } from "./reply.js";
import type { TextMode } from "./text-mode.js";

interface Speaker {
  readonly textMode: TextMode;
}

/**
 * RFC 6856 §2.1 has UTF8 in AUTHORIZATION only, and there it does all that it does; but some clients send it after
 * login, and nothing speaks against it.
 */
export const TEXT_COMMANDS: readonly Command<Speaker>[] = [
  command("UTF8", nothing, utf8),
  command("LANG", optionalLanguageRange, lang),
];

function utf8({ textMode }: Speaker): Step {
  textMode.utf8 = true;
  return say(ok("UTF-8 mode is on"));
}

/** RFC 6856 §3.2. The language chosen is told by its tag, and the reply is in it already. */
function lang({ textMode }: Speaker, { range }: { readonly range: LanguageRange | undefined }): Step {
  if (range === undefined) {
    return say(
      ok(
        "languages follow",
        Object.values(LANGUAGES).map(({ tag, name }) => `${tag} ${name}`),
      ),
    );
  }
  const language = range === "*" ? textMode.preferred : lookUp(range);
  if (language === undefined) return say(err("language not available"));
  textMode.language = language;
  return say({ ...ok("replies are in English now"), data: language.tag });
}

function optionalLanguageRange(
  argument: string | undefined,
): { readonly range: LanguageRange | undefined } | undefined {
  if (argument === undefined) return { range: undefined };
  const range = languageRange(argument);
  return range === undefined ? undefined : { range };
}
