/**
 * A TypeScript source as the rules of the architecture look at it: its header comment, its code without comments and
 * without the contents of strings, and what it imports. Not a parser; it knows just enough of the language to tell code
 * from comments, strings, templates and regular expressions. Pure.
 */

export interface Import {
  /** `./session.js`, `node:fs`, `zod`; undefined where it is computed: `import(name)`. */
  readonly specifier: string | undefined;
  readonly kind: "import" | "export" | "dynamic";
  /** True when nothing of it is left after compilation. */
  readonly typeOnly: boolean;
  /** The names that are values, as the other module calls them; `default`, `*`. */
  readonly names: readonly string[];
}

export interface Source {
  /** From the project's root: `shared/durable.ts`. */
  readonly path: string;
  readonly lines: number;
  /** The comment with which it begins, "" when it begins otherwise. A line `#!…` may stand before it. */
  readonly header: string;
  readonly code: string;
  readonly imports: readonly Import[];
}

export function readSource(path: string, text: string): Source {
  const { code, strings } = withoutTexts(text);
  return {
    path,
    lines: text.replace(/\n$/, "").split("\n").length,
    header: /^(?:#!.*\n)?(\/\*\*[\s\S]*?\*\/)/.exec(text)?.[1] ?? "",
    code,
    imports: importsOf(code, strings),
  };
}

const REGEX_MAY_FOLLOW =
  /(?:^|[(,=:[!&|?{};+\-*%~^<>]|\b(?:return|typeof|case|in|of|void|delete|throw|yield|await|else))\s*$/;
const REGEX = /\/(?:\\.|\[(?:\\.|[^\]\\])*\]|[^/\\[])+\/[a-z]*/y;
const STRING = /"(?:\\[\s\S]|[^"\\])*"|'(?:\\[\s\S]|[^'\\])*'/y;
const COMMENT = /\/\*[\s\S]*?\*\/|\/\/.*/y;
const SHEBANG = /^#!.*/y;
/** From a backtick, or from the brace that ends an expression, to the next expression or to the end. */
const TEMPLATE_PIECE = /(?:\\[\s\S]|\$(?!\{)|[^`\\$])*(`|\$\{)/y;

/** The code with each string replaced by its number in `strings`, and with comments and templates' texts left out. */
function withoutTexts(text: string): { code: string; strings: string[] } {
  const strings: string[] = [];
  /** For each template that we are inside of, how many braces are open in its expression. */
  const templates: number[] = [];
  let code = "";
  let at = 0;

  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match !== null) at = pattern.lastIndex;
    return match;
  };
  const takeTemplatePiece = () => {
    if (take(TEMPLATE_PIECE)?.[1] === "`") templates.pop();
  };

  while (at < text.length) {
    const character = text[at] ?? "";
    if (take(COMMENT) ?? take(SHEBANG)) {
      code += " ";
      continue;
    }
    const string = take(STRING);
    if (string !== null) {
      code += `"${strings.length}"`;
      strings.push(string[0].slice(1, -1));
      continue;
    }
    if (character === "/" && REGEX_MAY_FOLLOW.test(code) && take(REGEX)) {
      code += "/regex/";
      continue;
    }
    at++;
    const braces = templates.at(-1);
    if (character === "`") {
      templates.push(0);
      code += " ";
      takeTemplatePiece();
    } else if (character === "}" && braces === 0) {
      code += " ";
      takeTemplatePiece();
    } else {
      if (braces !== undefined && character === "{") templates[templates.length - 1] = braces + 1;
      if (braces !== undefined && character === "}") templates[templates.length - 1] = braces - 1;
      code += character;
    }
  }
  return { code, strings };
}

const STATIC = /\b(import|export)\s+(type\s+)?([^"();=]*?)\s*\bfrom\s*"(\d+)"/g;
const FOR_EFFECT = /\bimport\s*"(\d+)"/g;
const DYNAMIC = /\b(?:import|require)\s*\(\s*(?:"(\d+)")?/g;

function importsOf(code: string, strings: readonly string[]): Import[] {
  const found: Import[] = [];
  for (const [, kind, type, clause = "", index] of code.matchAll(STATIC)) {
    const names = type === undefined ? valueNames(clause) : [];
    const typeOnly = names.length === 0;
    found.push({
      specifier: strings[Number(index)],
      kind: kind === "export" ? "export" : "import",
      typeOnly,
      names,
    });
  }
  for (const [, index] of code.matchAll(FOR_EFFECT)) {
    found.push({ specifier: strings[Number(index)], kind: "import", typeOnly: false, names: [] });
  }
  for (const [, index] of code.matchAll(DYNAMIC)) {
    const specifier = index === undefined ? undefined : strings[Number(index)];
    found.push({ specifier, kind: "dynamic", typeOnly: false, names: ["*"] });
  }
  return found;
}

/** The names in `a, { b, c as d, type E }` or `* as f` that are values. */
function valueNames(clause: string): string[] {
  const [, outside = "", inside = ""] = /^([^{]*)(?:\{([\s\S]*)\})?$/.exec(clause.trim()) ?? [];
  const named = inside
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "" && !name.startsWith("type "))
    .map((name) => name.replace(/\s+as\s+.*/s, ""));
  const others = outside
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "")
    .map((name) => (name.startsWith("*") ? "*" : "default"));
  return [...others, ...named];
}
