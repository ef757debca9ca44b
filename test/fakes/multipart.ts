/** Takes a multipart message apart, by the letter of RFC 2046 §5.1.1 and as little else as possible. LF line ends. */

export interface ReadPart {
  /** Names in lower case; a value is unfolded. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  /** Decoded. */
  readonly content: Buffer;
}

export interface ReadMultipart {
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly parts: readonly ReadPart[];
}

/** Throws an Error for whatever is not as it must be. */
export function readMultipart(message: Buffer): ReadMultipart {
  const text = message.toString("latin1");
  const { fields, body } = readEntity(text);
  const boundary = /;\s*boundary="([^"]+)"/.exec(fieldOf(fields, "content-type"))?.[1];
  if (boundary === undefined) throw new Error("no boundary");
  const [preamble, ...pieces] = `\n${body}`.split(`\n--${boundary}`);
  const epilogue = pieces.pop();
  if (preamble !== "" || epilogue !== "--\n") throw new Error(`not closed well: ${JSON.stringify(epilogue)}`);
  return {
    fields,
    parts: pieces.map((piece) => {
      if (!piece.startsWith("\n")) throw new Error("a delimiter with more on its line");
      const part = readEntity(piece.slice(1));
      const encoding = fieldOf(part.fields, "content-transfer-encoding");
      return { fields: part.fields, content: decode(part.body, encoding) };
    }),
  };
}

export function fieldOf(fields: readonly (readonly [string, string])[], name: string): string {
  const [value, ...more] = fields.filter(([field]) => field === name).map(([, value]) => value);
  if (value === undefined || more.length > 0) throw new Error(`there is not one ${name}`);
  return value;
}

function readEntity(text: string): { fields: [string, string][]; body: string } {
  const blank = text.startsWith("\n") ? 0 : text.indexOf("\n\n") + 1;
  if (blank === 0 && !text.startsWith("\n")) throw new Error("a header without an end");
  return { fields: readFields(text.slice(0, blank)), body: text.slice(blank + 1) };
}

/** Lines of `name: value`, continued by lines that begin with white space. */
export function readFields(text: string): [string, string][] {
  if (text === "") return [];
  if (!text.endsWith("\n")) throw new Error("a field without an end");
  return text
    .slice(0, -1)
    .replace(/\n(?=[ \t])/g, "")
    .split("\n")
    .map((line) => {
      const match = /^([!-9;-~]+): ?(.*)$/s.exec(line);
      if (match === null) throw new Error(`no field: ${JSON.stringify(line)}`);
      return [(match[1] ?? "").toLowerCase(), match[2] ?? ""];
    });
}

function decode(body: string, encoding: string): Buffer {
  if (encoding === "7bit" || encoding === "8bit") return Buffer.from(body, "latin1");
  if (encoding !== "quoted-printable") throw new Error(`unknown encoding ${encoding}`);
  if (!/^[\t\n\x20-\x7e]*$/.test(body) || /[\t ]$/m.test(body) || /.{77}/.test(body))
    throw new Error("no quoted-printable");
  const decoded = body
    .replace(/=\n/g, "")
    .replace(/=([0-9A-F]{2})|=/g, (token: string, digits: string | undefined) => {
      if (digits === undefined) throw new Error(`a lone ${token}`);
      return String.fromCharCode(Number.parseInt(digits, 16));
    });
  return Buffer.from(decoded, "latin1");
}
