/** A Maildir in the simplest words: files in new/ and cur/ that POP3 and other programs change. Pure. */

export interface StoredFile {
  readonly folder: "new" | "cur";
  readonly base: string;
  readonly flags: string;
  /** One character per octet. */
  readonly text: string;
}

export class StoredFiles {
  #files: readonly StoredFile[];
  #delivered = 0;

  constructor(files: readonly StoredFile[]) {
    this.#files = files;
  }

  /** In the order of delivery, which their names begin with. */
  get all(): readonly StoredFile[] {
    return this.#files.toSorted((a, b) => Number.parseInt(a.base, 10) - Number.parseInt(b.base, 10));
  }

  find(base: string): StoredFile | undefined {
    return this.#files.find((file) => file.base === base);
  }

  remove(base: string): void {
    this.#files = this.#files.filter((file) => file.base !== base);
  }

  deliver(): StoredFile {
    const file = {
      folder: "new",
      base: `${100 + this.#delivered++}.late`,
      flags: "",
      text: "late\n",
    } as const;
    this.#files = [...this.#files, file];
    return file;
  }

  /** Moves it to cur/, with a flag added. */
  flag(base: string, flag: string): void {
    this.#files = this.#files.map((file) =>
      file.base === base
        ? { ...file, folder: "cur", flags: [...new Set(file.flags + flag)].sort().join("") }
        : file,
    );
  }
}

export function nameOf({ folder, base, flags }: StoredFile): string {
  return folder === "new" ? base : `${base}:2,${flags}`;
}

/** The octets as a client gets them, without stuffing. */
export function wireText({ text }: StoredFile): string {
  return text.replace(/\r?\n/g, "\r\n");
}

/** Its lines as they are sent, the first `bodyLines` of the body or all. */
export function sentLines(file: StoredFile, bodyLines = Number.POSITIVE_INFINITY): string[] {
  const wire = wireText(file);
  const lines = wire.split("\r\n");
  if (wire === "" || wire.endsWith("\r\n")) lines.pop();
  const blank = lines.indexOf("");
  const sent = blank < 0 ? lines : lines.slice(0, blank + 1 + bodyLines);
  return sent.map((line) => (line.startsWith(".") ? `.${line}` : line));
}
