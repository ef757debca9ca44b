/**
 * The rules of the architecture. Each looks at sources and names what breaks it; an exception stands here with its
 * reason, and one that is no longer needed breaks the rule, too. Pure.
 */
import { type Exceptions, each, localImports, packageOf, type Rule, roomOf } from "./rule.js";

// Which room may import which.

const ROOMS: Readonly<Record<string, readonly string[]>> = {
  shared: ["shared"],
  smtpd: ["smtpd", "shared"],
  pop3d: ["pop3d", "shared"],
  // The sandbox runs the daemons as processes of their own.
  etc: ["etc", "shared"],
};

const rooms = each("the daemons never import each other, shared/ imports neither", function* (source) {
  const allowed = ROOMS[roomOf(source.path)] ?? [];
  for (const path of localImports(source)) {
    if (!allowed.includes(roomOf(path))) yield `imports ${path}`;
  }
});

/** The contract on disk: Maildirs and accounts, which other programs read and write, too. */
const CONTRACT = /^shared\/(?:maildir|accounts)\//;

const shared: Rule = {
  name: "shared/ holds what more than one room uses, and the contract on disk",
  broken: ({ sources }) => {
    const byPath = new Map(sources.map((source) => [source.path, source]));
    const usedBy = (room: string): ReadonlySet<string> => {
      const used = new Set(sources.map(({ path }) => path).filter((path) => roomOf(path) === room));
      for (const path of used) {
        const source = byPath.get(path);
        if (source !== undefined) for (const next of localImports(source)) used.add(next);
      }
      return used;
    };
    const users = ["smtpd", "pop3d", "etc"].map(usedBy);
    return sources
      .map(({ path }) => path)
      .filter((path) => roomOf(path) === "shared" && !CONTRACT.test(path))
      .filter((path) => users.filter((used) => used.has(path)).length < 2)
      .map((path) => `${path}: is not used by two rooms`);
  },
};

const HOMES_OF_PACKAGES: Readonly<Record<string, (path: string) => boolean>> = {
  chokidar: (path) => path === "shared/watch.ts",
  nodemailer: (path) => path.startsWith("smtpd/send/"),
  "smtp-server": (path) => path === "smtpd/listener.ts" || path.startsWith("smtpd/protocol/"),
};

const packagesAtHome = each(
  "a library that is to be replaceable is imported in one place",
  function* (source) {
    for (const { specifier } of source.imports) {
      const mayImport = HOMES_OF_PACKAGES[packageOf(specifier) ?? ""];
      if (mayImport !== undefined && !mayImport(source.path)) yield `imports ${specifier}`;
    }
  },
);

// What is durable.

const SYNCING = [
  "rename",
  "renameSync",
  "link",
  "linkSync",
  "fsync",
  "fsyncSync",
  "fdatasync",
  "fdatasyncSync",
];
const FILE_SYSTEM = ["fs", "node:fs", "fs/promises", "node:fs/promises"];

const durability = each(
  "files are synced and renamed by shared/durable.ts alone",
  function* ({ imports, code }) {
    for (const { specifier, names, kind } of imports) {
      if (!FILE_SYSTEM.includes(specifier ?? "")) continue;
      for (const name of names) {
        if (SYNCING.includes(name)) yield `imports ${name} of ${specifier}`;
        if (name === "*" || name === "default" || kind === "dynamic") yield `imports all of ${specifier}`;
      }
    }
    // Without a file that it has opened itself, what it syncs is a DurableFile.
    const opens = imports.some(
      ({ specifier, names }) => FILE_SYSTEM.includes(specifier ?? "") && names.includes("open"),
    );
    for (const [call] of code.matchAll(/\.(?:data)?sync\(\)/g)) if (opens) yield `calls ${call}`;
  },
  {
    "shared/durable.ts": "this is it",
    "shared/maildir/deliver.ts": "opens a file only to read it; its sync() is that of a DurableFile",
    "shared/maildir/quota-file.ts":
      "opens a file to read it and to add a line; its sync() is that of a DurableFile",
    "shared/accounts/stand-in-key.ts":
      "opens a file only to read it; its sync() is that of a DurableFile, and link(2) replaces nothing",
    "shared/accounts/edit-lock.ts": "a lock is worth nothing after a crash; link(2) makes it atomic",
  },
);

// What is pure.

const PURE = /\bPure\b/;
const MUST_BE_PURE = [
  "pop3d/authorization.ts",
  "pop3d/line-reader.ts",
  "pop3d/reply.ts",
  "pop3d/session.ts",
  "pop3d/transaction.ts",
  "pop3d/unique-id.ts",
  "shared/address.ts",
  "shared/connection-limits.ts",
  "shared/listen-address.ts",
  "shared/maildir/name.ts",
  "shared/units.ts",
  "shared/wire-form.ts",
  "smtpd/protocol/path.ts",
  "smtpd/protocol/reply.ts",
  "smtpd/receive/aliases.ts",
  "smtpd/receive/route.ts",
  "smtpd/receive/trace-headers.ts",
  "smtpd/send/disposition.ts",
  "smtpd/send/envelope-commands.ts",
  "smtpd/send/replies.ts",
];

const statesPure: Rule = {
  name: "the core says that it is pure",
  broken: ({ sources }) =>
    MUST_BE_PURE.filter(
      (path) => !sources.some((source) => source.path === path && PURE.test(source.header)),
    ).map((path) => `${path}: does not exist, or does not say so in its header`),
};

const IMPURE_MODULES =
  /^(?:node:)?(?:net|tls|fs|dns|timers|http|https|http2|dgram|child_process|worker_threads|cluster|readline|process|os)(?:\/|$)|^pino$/;
/** What of node:net only looks at a text. */
const PURE_PARTS_OF_NET = ["isIP", "isIPv4", "isIPv6", "BlockList"];
const WORLD =
  /\bDate\.now\b|\bnew Date\(\s*\)|\b(?:setTimeout|setInterval|setImmediate|fetch)\b|\bMath\.random\b|\b(?:performance|process|console)\b\s*\./g;

const purity = each(
  "what says that it is pure knows no network, file, clock, chance or log",
  function* (source) {
    if (!PURE.test(source.header)) return;
    for (const { specifier = "something", names, typeOnly } of source.imports) {
      if (/(?:^|\/)log\.js$/.test(specifier)) yield `imports ${specifier}`;
      if (typeOnly || !IMPURE_MODULES.test(specifier)) continue;
      if (/^(?:node:)?net$/.test(specifier) && names.every((name) => PURE_PARTS_OF_NET.includes(name)))
        continue;
      yield `imports ${names.join(", ")} of ${specifier}`;
    }
    for (const [use] of source.code.matchAll(WORLD)) yield `uses ${use}`;
  },
);

const AS_GOOD_AS_PURE: Exceptions = {
  "shared/accounts/schemes/argon2.ts": "loads an optional library when it is first needed",
};

const pureOfPure: Rule = {
  name: "what is pure is made of what is pure",
  broken: ({ sources }) => {
    const byPath = new Map(sources.map((source) => [source.path, source]));
    const pure = sources.filter(({ header }) => PURE.test(header));
    return pure.flatMap((source) =>
      localImports(source, ({ typeOnly }) => !typeOnly)
        .filter((path) => !PURE.test(byPath.get(path)?.header ?? "") && !(path in AS_GOOD_AS_PURE))
        .map((path) => `${source.path}: imports ${path}, which does not say that it is pure`),
    );
  },
};

// What else is in one place only.

const environment = each(
  "arguments and environment are read by a main.ts",
  function* ({ path, code, imports }) {
    if (path.endsWith("/main.ts")) return;
    for (const [use] of code.matchAll(/\bprocess\s*\.\s*(?:argv|env)\b|\bprocess\s*\[/g)) yield `uses ${use}`;
    for (const { specifier, names } of imports) {
      if (/^(?:node:)?process$/.test(specifier ?? "")) yield `imports ${names.join(", ")} of ${specifier}`;
    }
  },
);

const noCycles: Rule = {
  name: "no file needs itself",
  broken: ({ sources }) => {
    const needs = new Map(
      sources.map((source) => [source.path, localImports(source, ({ typeOnly }) => !typeOnly)]),
    );
    const reaches = (from: string, to: string, seen: Set<string>): boolean =>
      (needs.get(from) ?? []).some(
        (next) => next === to || (!seen.has(next) && reaches(next, to, seen.add(next))),
      );
    return sources
      .filter(({ path }) => reaches(path, path, new Set()))
      .map(({ path }) => `${path}: imports itself`);
  },
};

// How a file looks.

const LINES_MAX = 300;

const size = each("a file over 300 lines is two things", function* ({ lines }) {
  if (lines > LINES_MAX) yield `has ${lines} lines`;
});

const headers = each("a file begins with a comment that says what it is for", function* ({ header }) {
  if (header.replace(/[^\p{L}]/gu, "").length < 5) yield "has no header";
});

const barrels = each("no file only hands on what others export", function* ({ imports, code }) {
  const exports = imports.filter(({ kind }) => kind === "export");
  if (exports.some(({ names }) => names.includes("*"))) yield "exports all of another";
  const rest = code.replace(/\b(?:import|export)\b[^;]*\bfrom\s*"\d+"\s*;?/g, "").trim();
  if (exports.length > 0 && rest === "") yield "has nothing of its own";
});

const names = each("a file is named for one thing", function* ({ path }) {
  if (/(?:^|[/-])(?:utils?|helpers?|misc)(?:\.|\/|-)/.test(path)) yield "is named for anything";
});

// What is installed.

const dependencies: Rule = {
  name: "each dependency is imported, and nothing else is",
  broken: ({ sources, dependencies }) => {
    const imported = new Set(
      sources.flatMap(({ imports }) => imports.map(({ specifier }) => packageOf(specifier))).filter(Boolean),
    );
    const missing = [...imported].filter((name) => name !== undefined && !dependencies.includes(name));
    return [
      ...dependencies
        .filter((name) => !imported.has(name))
        .map((name) => `package.json: nothing imports ${name}`),
      ...missing.map((name) => `package.json: ${name} is imported and is no dependency`),
    ];
  },
};

export const RULES: readonly Rule[] = [
  rooms,
  shared,
  packagesAtHome,
  durability,
  statesPure,
  purity,
  pureOfPure,
  environment,
  noCycles,
  size,
  headers,
  barrels,
  names,
  dependencies,
];
