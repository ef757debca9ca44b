/**
 * The lines of an accounts file, Dovecot's passwd-file format:
 *
 *   user:{SCHEME}hash:uid:gid:gecos:home:shell:extra
 *
 * Fields may be empty and trailing ones missing; `extra` may hold colons of its own; `#` begins a comment line.
 * Read here are user, password and home. The rest is Dovecot's, and is left as it is. Pure; whether the fields
 * make sense is judged by passwd-file.ts.
 */

export interface Entry {
  /** Counted from one. */
  readonly line: number;
  readonly user: string;
  /** Undefined when the line is a user alone; empty, like that, where nobody can log in. */
  readonly password: string | undefined;
  readonly home: string;
  /** Fields such as `userdb_quota_rule=*:storage=1G`, separated by spaces. */
  readonly extra: string;
}

/** The entries among the lines of a file. */
export function readEntries(text: string): Entry[] {
  return text.split("\n").flatMap((line, index) => {
    const entry = readEntry(line, index + 1);
    return entry === undefined ? [] : [entry];
  });
}

/** The entry that a line holds; undefined for a comment and for a blank line. */
export function readEntry(text: string, line: number): Entry | undefined {
  // A file that passed through Windows ends its lines in CRLF, and Dovecot does not mind.
  const content = text.replace(/\r?\n?$/, "");
  if (content.trim() === "" || content.startsWith("#")) return undefined;
  const [user = "", password, _uid, _gid, _gecos, home = "", _shell, ...extra] = content.split(":");
  return { line, user, password, home, extra: extra.join(":") };
}

/** The line of a new entry, without its line end. */
export function formatEntry(user: string, password: string): string {
  return `${user}:${password}::::::`;
}
