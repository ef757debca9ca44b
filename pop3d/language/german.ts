/** German. Pure. */
import type { Language } from "./language.js";
import type { PlainText } from "./texts.js";

const PLAIN: Readonly<Record<PlainText, string>> = {
  "begin TLS": "Bitte mit TLS beginnen",
  "capabilities follow": "Es folgen die unterstützten Funktionen",
  goodbye: "Auf Wiedersehen",
  "languages follow": "Es folgen die verfügbaren Sprachen",
  "mechanisms follow": "Es folgen die Anmeldeverfahren",
  "nothing done": "Nichts zu tun, alles in Ordnung",
  "password please": "Bitte das Passwort senden",
  "replies are in English now": "Antworten ab jetzt auf Deutsch",
  "top of message follows": "Es folgt der Anfang der Nachricht",
  "UTF-8 mode is on": "UTF-8-Modus eingeschaltet",

  "already logged in": "Sie sind bereits angemeldet",
  "another program has removed this message": "Ein anderes Programm hat diese Nachricht entfernt",
  "another session has this maildrop open": "Das Postfach ist bereits in einer anderen Sitzung geöffnet",
  "authentication cancelled": "Anmeldung abgebrochen",
  "command not understood, or not at this time": "Befehl unbekannt oder jetzt nicht zulässig",
  "command too long": "Befehl zu lang",
  "language not available": "Diese Sprache ist nicht verfügbar",
  "no passwords before TLS, use STLS":
    "Passwörter werden erst unter TLS angenommen, bitte zuerst STLS senden",
  "no passwords without TLS": "Passwörter werden nur unter TLS angenommen",
  "no such message": "Diese Nachricht gibt es nicht",
  "response is not base64": "Die Antwort ist kein gültiges Base64",
  "response not understood": "Die Antwort passt nicht zum Anmeldeverfahren",
  "some deleted messages not removed": "Einige gelöschte Nachrichten konnten nicht entfernt werden",
  "STLS comes before UTF8": "STLS ist nach UTF8 nicht mehr möglich",
  "this command is not supported": "Dieser Befehl wird nicht unterstützt",
  "the last login was too short a time ago": "Die letzte Anmeldung liegt zu kurz zurück",
  "this message needs UTF-8 mode": "Diese Nachricht braucht den UTF-8-Modus",
  "TLS is active": "TLS ist bereits aktiv",
  "TLS is not available": "TLS ist nicht verfügbar",
  "unknown mechanism": "Unbekanntes Anmeldeverfahren",
  "USER first": "Bitte zuerst USER senden",
  "wrong user name or password": "Benutzername oder Passwort ist falsch",

  "logins cannot be checked now": "Anmeldungen können zurzeit nicht geprüft werden",
  "maildrop cannot be opened": "Das Postfach lässt sich nicht öffnen",
  "message cannot be read": "Die Nachricht lässt sich nicht lesen",
  "too many connections": "Zu viele Verbindungen",
};

export const german: Language = {
  tag: "de",
  name: "Deutsch",
  plain: (text) => PLAIN[text],
  told: {
    "maildrop listing": contents,
    "maildrop has": (maildrop) => `Im Postfach: ${contents(maildrop)}`,
    "unique-ids follow": ({ count }) =>
      `${count} ${count === 1 ? "eindeutige Kennung" : "eindeutige Kennungen"}`,
    "message deleted": ({ number }) => `Nachricht ${number} gelöscht`,
    "wrong arguments": ({ verb }) => `Falsche Argumente für ${verb}`,
    "try again later": ({ trouble }) => `${PLAIN[trouble]}, bitte später noch einmal versuchen`,
    "ask the postmaster": ({ trouble }) => `${PLAIN[trouble]}, bitte an den Postmaster wenden`,
  },
};

function contents({ count, octets }: { readonly count: number; readonly octets: number }): string {
  return `${count} ${count === 1 ? "Nachricht" : "Nachrichten"} (${octets} Byte)`;
}
