/** pop3d.toml: every option of pop3d, with its type, default and help. */
import { z } from "zod";
import {
  commonOptions,
  connectionLimits,
  listenerOptions,
  listenersWithoutCertificate,
  logOptions,
  oauthOptions,
  SECOND,
  tlsOptions,
} from "../shared/config/common.js";
import {
  choice,
  count,
  duration,
  flag,
  list,
  optionalTable,
  parsed,
  size,
  table,
} from "../shared/config/option.js";
import { isFolderName } from "../shared/maildir/maildir.js";
import { parseUniqueIdOption, UNIQUE_ID_FORMS } from "./former-server/former-server.js";
import { LANGUAGE_TAGS } from "./language/language.js";
import { MISTAKE_DELAY_MS_MAX } from "./mistakes.js";
import { EXPIRE_FORMS, LOGIN_DELAY_FORMS, type Policy, parseExpire, parseLoginDelay } from "./policy.js";

const FOLDER_LIST = 'a list of different folders, one at least, such as ["", ".Spam"]';
const folderName = () =>
  parsed(
    (name) => (name === "" || isFolderName(name) ? name : undefined),
    '"" or the name of a folder\'s directory, such as ".Spam" or ".Lists.pillarbox"',
  );

/** RFC 2449 §3 and §6.9: words of visible characters. A line of a reply has 512 octets, and this is one of them. */
const IMPLEMENTATION = /^(?:[!-~]+(?: [!-~]+)*)?$/;
const IMPLEMENTATION_OCTETS_MAX = 200;

export const pop3dSchema = z
  .strictObject({
    ...commonOptions,
    language: choice(LANGUAGE_TAGS)
      .prefault("en")
      .describe(
        'The language of replies to clients that leave the choice to the server (LANG *): "en", "de" or "ja".',
      ),
    implementation: parsed(
      (text) => (IMPLEMENTATION.test(text) && text.length <= IMPLEMENTATION_OCTETS_MAX ? text : undefined),
      `words of printable US-ASCII with one space between them, ${IMPLEMENTATION_OCTETS_MAX} octets at most, or ""`,
    )
      .prefault("pillarbox")
      .describe('What CAPA calls the server (IMPLEMENTATION); nothing when it is "".'),
    listen: list(table(listenerOptions), "[[listen]] tables, one at least", 1)
      .prefault([{ address: "0.0.0.0:110" }, { address: "[::]:110" }])
      .describe("Where mail is handed out; by default on port 110 of every address."),
    tls: tlsOptions,
    oauth: oauthOptions,
    limits: optionalTable({
      ...connectionLimits,
      login_time: duration(SECOND).prefault("1m").describe("From the connection to a successful login."),
      login_failures: count(1, 1000)
        .prefault(3)
        .describe("Failed logins of a connection; then it is closed."),
      login_delay: parsed(parseLoginDelay, LOGIN_DELAY_FORMS)
        .prefault("0s")
        .describe(
          "From one login of an account to the next (LOGIN-DELAY), up to 1d; an account may have its own, userdb_pop3_login_delay.",
        ),
      idle_timeout: duration(SECOND)
        .prefault("10m")
        .describe("Waiting for a command after login (RFC 1939 §3: ten minutes at least)."),
      stall_timeout: duration(SECOND)
        .prefault("5m")
        .describe("How long a client may read nothing of what it is being sent."),
      command_length: size(255)
        .prefault("4KiB")
        .describe("A command line (RFC 2449 §4 asks for 255 octets)."),
      bad_commands: count(1, 10_000)
        .prefault(20)
        .describe(
          "Commands of a connection that are unknown, have wrong arguments or come at the wrong time; then it is closed.",
        ),
      bad_command_delay: duration(0, MISTAKE_DELAY_MS_MAX)
        .prefault("1s")
        .describe(
          "The reply to the sixth such command waits this long, and twice as long for each further one, up to 8s.",
        ),
    }),
    maildrop: optionalTable({
      folders: list(folderName(), FOLDER_LIST, 1)
        .refine((names) => new Set(names).size === names.length, { error: FOLDER_LIST })
        .prefault([""])
        .describe(
          'What a maildrop is made of: "" is the Maildir itself, ".Spam" a Maildir++ folder by its directory\'s name.',
        ),
      unique_id: parsed(parseUniqueIdOption, UNIQUE_ID_FORMS)
        .prefault("pillarbox")
        .describe(
          'The server before this one whose unique-ids are kept: "courier", "qmail", or "dovecot:" and its pop3_uidl_format; "pillarbox" for none.',
        ),
      lock_wait: duration()
        .prefault("2s")
        .describe("How long a second session waits for the first before [IN-USE]."),
      deletion: choice(["unlink", "trash"])
        .prefault("unlink")
        .describe(
          'What becomes of a deleted message: "unlink" removes it for good, "trash" moves it to the folder .Trash.',
        ),
      expire: parsed(parseExpire, EXPIRE_FORMS)
        .prefault("never")
        .describe(
          'How long after its delivery a message that was retrieved is removed, at QUIT, or "never" (EXPIRE); an account may have its own, userdb_pop3_expire.',
        ),
      mark_seen: flag()
        .prefault(true)
        .describe("Whether a message that was retrieved is flagged as seen (S)."),
      non_ascii_headers: choice(["surrogate", "refuse"])
        .prefault("surrogate")
        .describe(
          'A message whose header is not ASCII, to a client without UTF8: "surrogate" (its header written in ASCII) or "refuse" ([UTF8]).',
        ),
      info_separator: choice([":", ";", "!"])
        .prefault(":")
        .describe('What parts flags from a name; ";" or "!" where the file system cannot have ":" in names.'),
    }),
    log: logOptions,
  })
  .refine((config) => !listenersWithoutCertificate(config), {
    path: ["tls"],
    error: 'a [tls] table with certificate and key, since a listener has tls = "implicit"',
  });

export type Pop3dConfig = z.output<typeof pop3dSchema>;
export type Pop3dListenerConfig = Pop3dConfig["listen"][number];

/** What holds for accounts that have nothing of their own. */
export function policyIn(config: Pop3dConfig): Policy {
  return { expireMs: config.maildrop.expire, loginDelaySeconds: config.limits.login_delay };
}
