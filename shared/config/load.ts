/**
 * From a TOML file to a validated, frozen configuration, or to errors that name the file, the key, what was found
 * and what is allowed. All of a file's errors are reported at once.
 */
import { readFile } from "node:fs/promises";
import { parse, TomlError } from "smol-toml";
import type { z } from "zod";
import { EXIT, ExitError, hasCode, isSystemError } from "../exit.js";

const FOUND_CHARACTERS_MAX = 60;

/** Reads and validates `file`. Throws an ExitError: 78 for what is wrong in it, 77 where it may not be read. */
export async function loadConfig<T extends z.ZodType>(file: string, schema: T): Promise<z.output<T>> {
  return parseConfig(file, await readConfigFile(file), schema);
}

/** Validates the text of a configuration file; `file` is for the errors. */
export function parseConfig<T extends z.ZodType>(file: string, toml: string, schema: T): z.output<T> {
  const raw = parseToml(file, toml);
  const result = schema.safeParse(raw);
  if (result.success) return deepFreeze(result.data);
  const lines = result.error.issues.flatMap((issue) => describeIssue(issue, raw, schema));
  throw new ExitError(EXIT.configuration, lines.map((line) => `${file}: ${line}`).join("\n"));
}

/** A text file that the configuration names. Throws an ExitError that says which and why not. */
export async function readConfigFile(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if (hasCode(error, "EACCES", "EPERM")) {
      throw new ExitError(
        EXIT.permission,
        `${file}: cannot be read (${(error as NodeJS.ErrnoException).code}); check its owner and mode`,
      );
    }
    const why = hasCode(error, "ENOENT")
      ? "does not exist"
      : `cannot be read (${isSystemError(error) ? error.code : error})`;
    throw new ExitError(EXIT.configuration, `${file}: ${why}`);
  }
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
  const text = JSON.stringify(value) ?? String(value);
  return text.length > FOUND_CHARACTERS_MAX ? `${text.slice(0, FOUND_CHARACTERS_MAX)}…` : text;
}

function keysAt(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  return listOptions(schema)
    .map((option) => option.path)
    .filter((option) =>
      path.filter((part) => typeof part === "string").every((part, i) => option[i] === part),
    )
    .map((option) => option[path.filter((part) => typeof part === "string").length])
    .filter((key, i, keys): key is string => key !== undefined && keys.indexOf(key) === i)
    .sort();
}

/** One option of a schema, for documentation and for errors. */
export interface OptionRow {
  readonly path: readonly string[];
  /** What it says of itself (zod's `describe`). */
  readonly help: string | undefined;
  /** The default as one would write it in the file; undefined where there is none. */
  readonly default: unknown;
}

/** Every key that a schema allows, tables opened up, in the order of the table. */
export function listOptions(schema: z.ZodType): OptionRow[] {
  return rowsOf(schema, [], undefined, undefined);
}

function rowsOf(
  schema: z.core.$ZodType,
  path: readonly string[],
  help: string | undefined,
  fallback: unknown,
): OptionRow[] {
  const definition = schema._zod.def as {
    type: string;
    innerType?: z.core.$ZodType;
    in?: z.core.$ZodType;
    element?: z.core.$ZodType;
    shape?: Record<string, z.core.$ZodType>;
    defaultValue?: unknown;
  };
  const ownHelp =
    help ??
    ("description" in schema && typeof schema.description === "string" ? schema.description : undefined);
  switch (definition.type) {
    case "default":
    case "prefault":
    case "optional":
      return definition.innerType
        ? rowsOf(definition.innerType, path, ownHelp, fallback ?? definition.defaultValue)
        : [];
    case "array": {
      const inner = definition.element ? rowsOf(definition.element, path, ownHelp, fallback) : [];
      return inner.length > 1 ? inner : [{ path, help: ownHelp, default: fallback }];
    }
    case "object":
      return Object.entries(definition.shape ?? {}).flatMap(([key, value]) =>
        rowsOf(value, [...path, key], undefined, undefined),
      );
    default:
      return [{ path, help: ownHelp, default: fallback }];
  }
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}
