/**
 * What a POP3 server answers, in the simplest words: an array of messages with marks, and what the RFCs say of each
 * command. Shares nothing with pop3d but the protocol. Pure.
 *
 * Answers are lines. What is said to people is `…`; a response code or its absence counts.
 */
import { type Exchange, mechanisms, type Turn } from "./exchange.js";
import { argumentsIn, mayStandIn, type State, verbOf } from "./grammar.js";
import { nameOf, type StoredFile, type StoredFiles, sentLines, wireText } from "./stored-files.js";

export interface ModelRules {
  /** With so many commands in error, and with so many failed logins, the session is closed. */
  readonly mistakesMax: number;
  readonly failuresMax: number;
  readonly username: string;
  readonly password: string;
}

const OK = "+OK …";
const ERROR = "-ERR …";
const LANGUAGES = [
  ["en", "English"],
  ["de", "Deutsch"],
  ["ja", "日本語"],
] as const;

interface Message {
  readonly number: number;
  readonly file: StoredFile;
  deleted: boolean;
  retrieved: boolean;
}

export class Model {
  closed = false;
  /** The client's handshake is what comes next. */
  awaitsTls = false;
  readonly #rules: ModelRules;
  readonly #files: StoredFiles;
  #state: State = "AUTHORIZATION";
  #messages: readonly Message[] = [];
  #username: string | undefined;
  #exchange: Exchange | undefined;
  #tls = false;
  #utf8 = false;
  #mistakes = 0;
  #failures = 0;

  constructor(files: StoredFiles, rules: ModelRules) {
    this.#files = files;
    this.#rules = rules;
  }

  startTls(): void {
    this.awaitsTls = false;
    this.#tls = true;
  }

  /** The answer to a line without its CRLF, one character per octet. */
  answer(line: string): string[] {
    if (this.closed || this.awaitsTls) return [];
    const exchange = this.#exchange;
    this.#exchange = undefined;
    if (exchange !== undefined) return this.#turn(exchange(line));
    const args = argumentsIn(this.#state, line);
    return args === undefined ? this.#mistake() : this.#command(verbOf(line), args);
  }

  #command(verb: string, [first, second]: readonly (string | undefined)[]): string[] {
    switch (verb) {
      case "CAPA":
        return [OK, ...this.#capabilities(), "."];
      case "LANG":
        return this.#lang(first);
      case "UTF8":
        this.#utf8 = true;
        return [OK];
      case "QUIT":
        return this.#quit();
      case "RPOP":
      case "APOP":
      case "LAST":
      case "XTND":
        return [ERROR];
    }
    return this.#state === "AUTHORIZATION"
      ? this.#logIn(verb, first, second)
      : this.#work(verb, first, second);
  }

  #logIn(verb: string, first: string | undefined, second: string | undefined): string[] {
    const username = this.#username;
    this.#username = undefined;
    switch (verb) {
      case "USER":
        this.#username = first;
        return [OK];
      case "PASS":
        return username === undefined ? this.#mistake() : this.#turn({ username, password: first ?? "" });
      case "STLS":
        // A STLS that is refused is as if it had not been said.
        if (this.#tls || this.#utf8) this.#username = username;
        if (this.#tls || this.#utf8) return this.#mistake();
        this.awaitsTls = true;
        return [OK];
      default: {
        const offered = mechanisms(this.#tls);
        if (first === undefined) return [OK, ...offered.keys(), "."];
        const exchange = offered.get(first.toUpperCase());
        if (exchange === undefined) return this.#mistake();
        return this.#turn(second === undefined ? exchange : exchange(second === "=" ? "" : second));
      }
    }
  }

  #turn(turn: Turn): string[] {
    if (typeof turn === "function") {
      this.#exchange = turn;
      return ["+ …"];
    }
    if (turn === "mistake") return this.#mistake();
    const { username, password } = this.#rules;
    if (turn !== "refused" && turn.username === username && turn.password === password) {
      this.#state = "TRANSACTION";
      this.#messages = this.#files.all.map((file, i) => ({
        number: i + 1,
        file,
        deleted: false,
        retrieved: false,
      }));
      return [OK];
    }
    this.#failures++;
    this.closed = this.#failures >= this.#rules.failuresMax;
    return ["-ERR [AUTH] …"];
  }

  #work(verb: string, first: string | undefined, second: string | undefined): string[] {
    const left = this.#messages.filter(({ deleted }) => !deleted);
    const octets = ({ file }: Message) => wireText(file).length;
    switch (verb) {
      case "STAT":
        return [`+OK ${left.length} ${left.reduce((sum, message) => sum + octets(message), 0)}`];
      case "RSET":
        for (const message of this.#messages) message.deleted = false;
        return [OK];
      case "NOOP":
        return [OK];
    }
    const said = (message: Message) =>
      verb === "LIST" ? `${message.number} ${octets(message)}` : `${message.number} ${message.file.base}`;
    if (first === undefined) return [OK, ...left.map(said), "."];
    const message = left.find(({ number }) => BigInt(number) === BigInt(first));
    if (message === undefined) return [ERROR];
    switch (verb) {
      case "DELE":
        message.deleted = true;
        return [OK];
      case "RETR":
      case "TOP":
        if (this.#files.find(message.file.base) === undefined) return [ERROR];
        if (verb === "RETR") message.retrieved = true;
        return [
          verb === "RETR" ? `+OK ${octets(message)} octets` : OK,
          ...sentLines(message.file, verb === "RETR" ? undefined : Number(second)),
          ".",
        ];
      default:
        return [`+OK ${said(message)}`];
    }
  }

  #quit(): string[] {
    this.closed = true;
    for (const { file, deleted, retrieved } of this.#messages) {
      const now = this.#files.find(file.base);
      if (deleted) this.#files.remove(file.base);
      else if (now?.folder === "new" || retrieved) this.#files.flag(file.base, retrieved ? "S" : "");
    }
    return [OK];
  }

  #capabilities(): string[] {
    const stls = mayStandIn(this.#state, "STLS") && !this.#tls && !this.#utf8;
    return [
      ...["TOP", "UIDL", "USER", `SASL ${[...mechanisms(this.#tls).keys()].join(" ")}`, "RESP-CODES"],
      ...["AUTH-RESP-CODE", "PIPELINING", "UTF8 USER", "LANG", "EXPIRE NEVER"],
      ...(stls ? ["STLS"] : []),
      "IMPLEMENTATION pillarbox",
    ];
  }

  /** RFC 6856 §3.2, RFC 4647 §3.4. `*` is the administrator's choice, English here. */
  #lang(range: string | undefined): string[] {
    if (range === undefined) return [OK, ...LANGUAGES.map((names) => latin1(names.join(" "))), "."];
    const asked = range === "*" ? "en" : range.toLowerCase();
    const [tag] = LANGUAGES.find(([tag]) => asked === tag || asked.startsWith(`${tag}-`)) ?? [];
    return [tag === undefined ? ERROR : `+OK ${tag} …`];
  }

  #mistake(): string[] {
    this.#mistakes++;
    this.closed = this.#mistakes >= this.#rules.mistakesMax;
    return [ERROR];
  }
}

function latin1(text: string): string {
  return Buffer.from(text).toString("latin1");
}

/** The lines that came, each one that is as expected replaced by what was expected, so that two arrays can be compared. */
export function compared(received: readonly string[], expected: readonly string[]): string[] {
  return received.map((line, i) => {
    const pattern = expected[i] ?? "";
    const [start = ""] = pattern.split("…");
    const asExpected = pattern.endsWith("…") && line.startsWith(start) && line[start.length] !== "[";
    return asExpected ? pattern : line;
  });
}

/** The files as they lie in the Maildir, `cur/1.a:2,S`, sorted. */
export function listingOf(files: StoredFiles): string[] {
  return files.all.map((file) => `${file.folder}/${nameOf(file)}`).sort();
}
