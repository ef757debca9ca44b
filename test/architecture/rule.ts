/** What a rule of the architecture is, and what rules ask of sources. Pure. */
import { dirname, join } from "node:path/posix";
import type { Import, Source } from "./source.js";

/** All sources that are not tests, and what package.json says. */
export interface Project {
  readonly sources: readonly Source[];
  readonly dependencies: readonly string[];
}

export interface Rule {
  readonly name: string;
  /** What breaks the rule, each as `path: what`. */
  readonly broken: (project: Project) => string[];
}

/** By path, why this file may. */
export type Exceptions = Readonly<Record<string, string>>;

/** A rule about each file by itself: what in it is wrong, if anything. */
export function each(
  name: string,
  faults: (source: Source) => Iterable<string>,
  exceptions: Exceptions = {},
): Rule {
  return {
    name,
    broken: ({ sources }) =>
      sources.flatMap((source) => {
        const found = [...faults(source)];
        if (!(source.path in exceptions)) return found.map((fault) => `${source.path}: ${fault}`);
        return found.length > 0 ? [] : [`${source.path}: needs its exception no more`];
      }),
  };
}

/** `smtpd` of `smtpd/receive/data.ts`. */
export function roomOf(path: string): string {
  return path.split("/", 1)[0] ?? "";
}

/** The project's files that a source imports, `shared/exit.ts`. */
export function localImports(source: Source, which: (of: Import) => boolean = () => true): string[] {
  return source.imports
    .filter(which)
    .flatMap(({ specifier }) => (specifier?.startsWith(".") ? [specifier] : []))
    .map((specifier) => join(dirname(source.path), specifier).replace(/\.js$/, ".ts"));
}

/** The package of `zod/v4` or `@scope/name/x`; undefined for Node's modules, the project's own and computed ones. */
export function packageOf(specifier: string | undefined): string | undefined {
  if (specifier === undefined || /^[./]|^node:/.test(specifier)) return undefined;
  const [scope, name] = specifier.split("/");
  return specifier.startsWith("@") ? `${scope}/${name}` : scope;
}
