/**
 * From a TOML file to a validated, frozen configuration, or to errors that name the file, the key, what was found
 * and what is allowed. All of a file's errors are reported at once.
 */
import { createReadStream } from "node:fs";
import { parse, TomlError } from "smol-toml";
import { z } from "zod";
import { EXIT, ExitError, exitCodeFor, hasCode, isSystemError } from "../exit.js";
import { formatSize } from "../units.js";

const FOUND_CHARACTERS_MAX = 60;
/** A configuration is a page or two; this much is a mistake of the path. */
const CONFIG_OCTETS_MAX = 1024 * 1024;
/** A file that the configuration names (accounts, aliases): hundreds of thousands of lines. */
const NAMED_FILE_OCTETS_MAX = 64 * 1024 * 1024;

/** Reads and validates `file`. Throws an ExitError: 78 for what is wrong in it, 77 where it may not be read. */
export async function loadConfig<T extends z.ZodType>(file: string, schema: T): Promise<z.output<T>> {
  return parseConfig(file, await readConfigFile(file, CONFIG_OCTETS_MAX), schema);
}

/** Validates the text of a configuration file; `file` is for the errors. */
export function parseConfig<T extends z.ZodType>(file: string, toml: string, schema: T): z.output<T> {
  const raw = parseToml(file, toml);
  const result = schema.safeParse(raw);
  if (result.success) return deepFreeze(result.data);
  const lines = result.error.issues.flatMap((issue) => describeIssue(issue, raw, schema));
  const each = [...new Set(lines)].map((line) => `${file}: ${line}`);
  throw new ExitError(EXIT.configuration, each.join("\n"));
}

/** A text file that the configuration names. Throws an ExitError that says which and why not. */
export async function readConfigFile(file: string, octetsMax = NAMED_FILE_OCTETS_MAX): Promise<string> {
  const octets = await readConfigOctets(file, octetsMax);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(octets);
  } catch {
    throw new ExitError(EXIT.configuration, `${file}: is not UTF-8 text`);
  }
}

/** The same for a file that need not be text. */
export async function readConfigOctets(file: string, octetsMax = NAMED_FILE_OCTETS_MAX): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let octets = 0;
  try {
    for await (const piece of createReadStream(file)) {
      pieces.push(piece);
      octets += piece.length;
      if (octets > octetsMax) break;
    }
  } catch (error) {
    throw unreadable(file, error);
  }
  if (octets <= octetsMax) return Buffer.concat(pieces, octets);
  throw new ExitError(EXIT.configuration, `${file}: is larger than ${formatSize(octetsMax)}`);
}

function unreadable(file: string, error: unknown): ExitError {
  const why = hasCode(error, "ENOENT")
    ? "does not exist"
    : hasCode(error, "EISDIR")
      ? "is a directory"
      : `cannot be read (${isSystemError(error) ? error.code : error})`;
  const exitCode = hasCode(error, "ENOENT", "EISDIR", "ENOTDIR", "ELOOP", "ENAMETOOLONG")
    ? EXIT.configuration
    : exitCodeFor(error);
  const advice = exitCode === EXIT.permission ? "; check its owner and mode" : "";
  return new ExitError(exitCode, `${file}: ${why}${advice}`, { cause: error });
}

function parseToml(file: string, toml: string): unknown {
  try {
    return parse(toml);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const reason = error.message.split("\n", 1)[0] ?? "";
    throw new ExitError(
      EXIT.configuration,
      `${file}:${error.line}:${error.column}: not valid TOML (${reason})`,
    );
  }
}

function describeIssue(issue: z.core.$ZodIssue, raw: unknown, schema: z.ZodType): string[] {
  if (issue.code === "unrecognized_keys") {
    const allowed = keysAt(schema, issue.path);
    return issue.keys.map(
      (key) => `unknown key "${keyName([...issue.path, key])}"; allowed here: ${allowed.join(", ")}`,
    );
  }
  const found = valueAt(raw, issue.path);
  const allowed = issue.message;
  if (found === undefined) return [`key "${keyName(issue.path)}" is missing; it must be ${allowed}`];
  return [`key "${keyName(issue.path)}": found ${shown(found)}; allowed is ${allowed}`];
}

/** A key as one would write it: `limits.message_size`, `listen[2].address` (counted from one). */
function keyName(path: readonly PropertyKey[]): string {
  return path
    .map((part, i) => (typeof part === "number" ? `[${part + 1}]` : `${i ? "." : ""}${String(part)}`))
    .join("");
}

function valueAt(raw: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) => (typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined),
    raw,
  );
}

function shown(value: unknown): string {
  // JSON has no inf and no nan, and TOML has.
  const text = typeof value === "number" ? String(value) : (JSON.stringify(value) ?? String(value));
  return text.length > FOUND_CHARACTERS_MAX ? `${text.slice(0, FOUND_CHARACTERS_MAX)}…` : text;
}

function keysAt(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  const table = path.filter((part) => typeof part === "string");
  const keys = listOptions(schema)
    .filter((option) => table.every((part, i) => option.path[i] === part))
    .flatMap((option) => option.path.slice(table.length, table.length + 1));
  return [...new Set(keys)].sort();
}

/** One option of a schema, for documentation and for errors. */
export interface OptionRow {
  readonly path: readonly string[];
  /** What it says of itself (zod's `describe`). */
  readonly help: string | undefined;
  /** The default as one would write it in the file; undefined where there is none. */
  readonly default: unknown;
}

/**
 * Every key that a schema allows, tables opened up, in the order of the table. A list of tables has a row of its own
 * before those of its keys.
 */
export function listOptions(schema: z.ZodType): OptionRow[] {
  return rowsOf(schema, { path: [], help: undefined, default: undefined });
}

function rowsOf(schema: unknown, row: OptionRow): OptionRow[] {
  const help = row.help ?? (schema instanceof z.ZodType ? schema.description : undefined);
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return rowsOf(schema.def.innerType, { ...row, help, default: row.default ?? schema.def.defaultValue });
  }
  if (schema instanceof z.ZodOptional) return rowsOf(schema.def.innerType, { ...row, help });
  if (schema instanceof z.ZodArray && schema.element instanceof z.ZodObject) {
    return [{ ...row, help }, ...rowsOf(schema.element, row)];
  }
  if (schema instanceof z.ZodObject) {
    return Object.entries(schema.shape).flatMap(([key, value]) =>
      rowsOf(value, { path: [...row.path, key], help: undefined, default: undefined }),
    );
  }
  return [{ ...row, help }];
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}
