/**
 * The addresses in a header field such as To or From (RFC 5322 §3.4): the mailboxes, in their order, those in groups
 * included. Pure.
 *
 *   address      = mailbox / group
 *   mailbox      = addr-spec / [ phrase ] "<" [ route ":" ] addr-spec ">"
 *   group        = phrase ":" [ mailbox-list ] ";"
 *
 * As lenient as RFC 5322 §4.4 where names are concerned (`John Q. Public`, words in 8-bit), and about empty places between
 * commas; strict about what an address is. Comments and white space may stand anywhere between words.
 */
import { type Mailbox, parseMailbox } from "../../shared/address.js";

interface Token {
  /** `word`: an atom, or a quoted-string or domain-literal with its delimiters. */
  readonly kind: "word" | "special";
  readonly text: string;
  /** True when neither a comment nor white space is before it. */
  readonly joined: boolean;
}

/** RFC 5322 §3.2.3 `specials`, those left that neither begin nor end a token of several characters. */
const SPECIALS = "<>:;@,.";
const ATOM_END = /[\s()<>[\]:;@\\,."]/;

/**
 * The mailboxes of a field's value, folded or not. Undefined when it is no address-list.
 * @param defaultDomain of local-parts that stand alone; without it they are no addresses
 */
export function parseAddressList(value: string, defaultDomain?: string): readonly Mailbox[] | undefined {
  const tokens = tokensOf(value);
  return tokens && new AddressList(tokens, { defaultDomain, clear: false }).read();
}

/**
 * The same of a value that other programs cannot well read differently: undefined also where it needs RFC 5322 §4.4 or
 * where a sloppy reader may take something else for the address: comments and white space within an address, source routes,
 * an `@` before `<` that is not quoted, angle brackets or an `@` in a comment, a `;` outside of a group.
 */
export function parseClearAddressList(value: string): readonly Mailbox[] | undefined {
  const tokens = tokensOf(value, /[<>@]/);
  return tokens && new AddressList(tokens, { defaultDomain: undefined, clear: true }).read();
}

interface Manner {
  readonly defaultDomain: string | undefined;
  readonly clear: boolean;
}

class AddressList {
  readonly #tokens: readonly Token[];
  readonly #manner: Manner;
  readonly #mailboxes: Mailbox[] = [];
  #at = 0;
  #inGroup = false;

  constructor(tokens: readonly Token[], manner: Manner) {
    this.#tokens = tokens;
    this.#manner = manner;
  }

  read(): readonly Mailbox[] | undefined {
    while (this.#at < this.#tokens.length) {
      if (!this.#readOne()) return undefined;
    }
    return this.#inGroup ? undefined : this.#mailboxes;
  }

  /** What comes up to the next delimiter, and that. False when it is no address. */
  #readOne(): boolean {
    const before = this.#upTo("<", ":", ";", ",");
    switch (this.#next()) {
      case "<":
        if (this.#manner.clear && before.some(({ kind, text }) => kind === "special" && text !== "."))
          return false;
        return this.#add(this.#bracketed(this.#upTo(">"))) && this.#next() === ">" && this.#ended();
      case ":":
        if (this.#inGroup || before.length === 0) return false;
        this.#inGroup = true;
        return true;
      case ";":
        // Outside of a group some mail programs put it where a comma belongs.
        if (this.#manner.clear && !this.#inGroup) return false;
        this.#inGroup = false;
        return before.length === 0 || this.#add(before);
      default:
        return before.length === 0 || this.#add(before);
    }
  }

  /** After `>` there is a delimiter, or nothing. */
  #ended(): boolean {
    const next = this.#next();
    if (next !== ";") return next === undefined || next === ",";
    const inGroup = this.#inGroup;
    this.#inGroup = false;
    return inGroup || !this.#manner.clear;
  }

  #bracketed(tokens: readonly Token[]): readonly Token[] | undefined {
    return this.#manner.clear ? tokens : withoutRoute(tokens);
  }

  #add(tokens: readonly Token[] | undefined): boolean {
    const { clear, defaultDomain } = this.#manner;
    if (clear && tokens?.slice(1).some(({ joined }) => !joined)) return false;
    const mailbox = tokens && addrSpec(tokens, defaultDomain);
    if (mailbox === undefined) return false;
    this.#mailboxes.push(mailbox);
    return true;
  }

  #upTo(...delimiters: readonly string[]): readonly Token[] {
    const start = this.#at;
    for (let token = this.#tokens[this.#at]; token !== undefined; token = this.#tokens[++this.#at])
      if (token.kind === "special" && delimiters.includes(token.text)) break;
    return this.#tokens.slice(start, this.#at);
  }

  #next(): string | undefined {
    return this.#tokens[this.#at++]?.text;
  }
}

/** `[ "@" domain *( "," "@" domain ) ":" ]` before an addr-spec is passed over (RFC 5322 §4.4). */
function withoutRoute(tokens: readonly Token[]): readonly Token[] | undefined {
  if (tokens[0]?.text !== "@") return tokens;
  const colon = tokens.findIndex(({ kind, text }) => kind === "special" && text === ":");
  return colon < 0 ? undefined : tokens.slice(colon + 1);
}

function addrSpec(tokens: readonly Token[], defaultDomain: string | undefined): Mailbox | undefined {
  // Two words beside each other are a name, and no part of an address.
  if (tokens.some(({ kind }, i) => kind === "word" && tokens[i + 1]?.kind === "word")) return undefined;
  const text = tokens.map((token) => token.text).join("");
  const bare = !tokens.some(({ kind, text: special }) => kind === "special" && special === "@");
  return parseMailbox(bare && defaultDomain !== undefined ? `${text}@${defaultDomain}` : text);
}

/** @param inComment what no comment may hold */
function tokensOf(value: string, inComment?: RegExp): Token[] | undefined {
  const tokens: Token[] = [];
  let joined = true;
  for (let at = 0; at < value.length; ) {
    const character = value.charAt(at);
    if (character === "(") {
      const end = endOfComment(value, at);
      if (end === undefined || inComment?.test(value.slice(at, end))) return undefined;
      at = end;
      joined = false;
    } else if (/\s/.test(character)) {
      at++;
      joined = false;
    } else {
      const special = SPECIALS.includes(character);
      const end = special ? at + 1 : endOfWord(value, at);
      if (end === undefined) return undefined;
      tokens.push({ kind: special ? "special" : "word", text: value.slice(at, end), joined });
      at = end;
      joined = true;
    }
  }
  return tokens;
}

/** Comments nest. */
function endOfComment(value: string, start: number): number | undefined {
  let depth = 0;
  for (let at = start; at < value.length; at++) {
    const character = value[at];
    if (character === "\\") at++;
    else if (character === "(") depth++;
    else if (character === ")" && --depth === 0) return at + 1;
  }
  return undefined;
}

/** The end of a quoted-string, a domain-literal or an atom; undefined where it has none, or is none of them. */
function endOfWord(value: string, start: number): number | undefined {
  const closing = { '"': '"', "[": "]" }[value.charAt(start)];
  let at = start;
  if (closing === undefined) {
    while (at < value.length && !ATOM_END.test(value.charAt(at))) at++;
    return at === start ? undefined : at;
  }
  for (at++; at < value.length; at++) {
    if (value[at] === "\\") at++;
    else if (value[at] === closing) return at + 1;
  }
  return undefined;
}
