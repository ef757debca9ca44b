/** Every text in every language obeys what RFC 1939, 2449 and 6856 ask of a reply, and is told what it is told. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { english } from "../../pop3d/language/english.js";
import { type Language, textIn } from "../../pop3d/language/language.js";
import { LANGUAGES } from "../../pop3d/language/languages.js";
import { PLAIN_TEXTS, type Text, type ToldText, type ToldTexts } from "../../pop3d/language/texts.js";
import { encode, err } from "../../pop3d/reply.js";

const NUMBERS = [0, 1, 2, Number.MAX_SAFE_INTEGER];

/** Of each text that is told something, every kind of case. */
const TOLD: { readonly [K in keyof ToldTexts]: readonly ToldText<K>[] } = {
  "maildrop listing": NUMBERS.map((n) => ({ text: "maildrop listing", count: n, octets: n })),
  "maildrop has": NUMBERS.map((n) => ({ text: "maildrop has", count: n, octets: n })),
  "unique-ids follow": NUMBERS.map((count) => ({ text: "unique-ids follow", count })),
  "message deleted": NUMBERS.map((number) => ({ text: "message deleted", number })),
  "wrong arguments": [{ text: "wrong arguments", verb: "UIDL" }],
  "try again later": PLAIN_TEXTS.map((trouble) => ({ text: "try again later", trouble })),
  "ask the postmaster": PLAIN_TEXTS.map((trouble) => ({ text: "ask the postmaster", trouble })),
};
const TEXTS: readonly Text[] = [...PLAIN_TEXTS, ...Object.values(TOLD).flat()];

for (const language of Object.values(LANGUAGES)) {
  describe(language.name, () => {
    for (const text of TEXTS) {
      test(JSON.stringify(text), () => {
        const said = textIn(language, text);
        assert.match(said, /^[^\p{Cc}\s[][^\p{Cc}]*$/u, "on one line, and no response code (RFC 2449 §6.4)");
        assert.equal(said, said.normalize("NFC"), "as RFC 5198 §3 wants text");
        assert.ok(!/[\ufffd\ufeff]/.test(said));
        // RFC 2449 §4: 512 octets with the CRLF.
        assert.ok(Buffer.concat([...encode(err(text, "SYS/TEMP"), language)]).length <= 512);
        for (const told of toldTo(text, language)) assert.ok(said.includes(told), `${told} in "${said}"`);
        if (language === english) assert.match(said, /^[\x20-\x7e]+$/);
        else assert.notEqual(said, textIn(english, text), "a translation");
      });
    }
  });
}

test("the languages have a tag each, and a name in one line", () => {
  for (const [tag, language] of Object.entries(LANGUAGES)) {
    assert.equal(language.tag, tag);
    assert.match(tag, /^[a-z]{2,3}(-[a-z0-9]{1,8})*$/i);
    assert.match(language.name, /^[^\p{Cc}\s][^\p{Cc}]*$/u);
  }
});

/** What a text has to say in any language. */
function toldTo(text: Text, language: Language): string[] {
  if (typeof text === "string") return [];
  if ("trouble" in text) return [textIn(language, text.trouble)];
  const { text: _, ...parameters } = text;
  return Object.values(parameters).map(String);
}
