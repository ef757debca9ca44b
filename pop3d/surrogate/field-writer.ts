/**
 * Writing a header field, folded (RFC 5322 §2.2.3). Pure; text is latin1, a character per octet, lines end in LF.
 *
 * A line is broken before white space that is there anyway, so that unfolding gives back what was put; and only when it
 * would become longer than RFC 2047 §2 allows a line with encoded-words to be.
 */

/** RFC 2047 §2: a line with an encoded-word has 76 characters at most. One is left for a separator. */
const LINE_OCTETS_MAX = 75;
/** White space beyond it is of no use to anybody, and would leave no room in a line. */
const SPACE_OCTETS_MAX = 20;

/** A word of a text, and the white space before it. */
export interface Word {
  readonly space: string;
  readonly text: string;
  /** What it stands for, where it is not sent as it is: a quoted-string without its quotes. */
  readonly meaning?: string;
}

/**
 * Without white space at its end, from each octet of which a regular expression would look for more; and unlike
 * String.trimEnd without taking 0xA0 for some, which is the second half of "à".
 */
function trimmedEnd(text: string): string {
  let end = text.length;
  while (text[end - 1] === " " || text[end - 1] === "\t") end--;
  return text.slice(0, end);
}

/** Without white space at either end. */
export function trimmed(text: string): string {
  return trimmedEnd(text.replace(/^[ \t]+/, ""));
}

/** A text's words, white space parting them; what is left of it at the end is dropped. */
export function wordsOf(text: string): Word[] {
  const words = trimmedEnd(text).matchAll(/([ \t]*)([^ \t]+)/g);
  return Array.from(words, ([, space = "", word = ""]) => ({ space, text: word }));
}

export class FieldWriter {
  #text: string;
  #column: number;
  /** Whether the line holds nothing yet that it could be broken after. */
  #fresh = true;

  /** @param start what the first line begins with: `Subject:`; or nothing */
  constructor(start = "") {
    this.#text = start;
    this.#column = start.length;
  }

  get text(): string {
    return this.#text;
  }

  /** Octets that fit into the line after so much white space; perhaps none. */
  room(space: string): number {
    return LINE_OCTETS_MAX - this.#column - Math.min(space.length, SPACE_OCTETS_MAX);
  }

  /** The same for a line of its own. */
  roomInNewLine(space: string): number {
    return LINE_OCTETS_MAX - Math.min(space.length, SPACE_OCTETS_MAX);
  }

  /**
   * Appends a token after white space, in a new line if this one has no room for it.
   * @param newLine whether it has to be a new line
   */
  put(space: string, token: string, newLine = false): void {
    const kept = space.slice(0, SPACE_OCTETS_MAX);
    const full = !this.#fresh && this.room(space) < token.length;
    if (kept !== "" && (newLine || full)) {
      this.#text += "\n";
      this.#column = 0;
    }
    this.#text += kept + token;
    this.#column += kept.length + token.length;
    this.#fresh = false;
  }

  /** Appends text that may be broken at its white space. */
  putText(text: string): void {
    for (const { space, text: token } of wordsOf(text)) this.put(space, token);
  }

  /** Appends a separator to the line; where several have come already, to a new one (RFC 5322 allows white space there). */
  add(separator: string): void {
    if (this.#column + separator.length > LINE_OCTETS_MAX + 1) {
      this.#text += "\n ";
      this.#column = 1;
    }
    this.#text += separator;
    this.#column += separator.length;
  }
}
