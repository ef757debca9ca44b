/** The rules of the architecture hold for every source, and each rule can be broken. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Project } from "./architecture/rule.js";
import { RULES } from "./architecture/rules.js";
import { readSource } from "./architecture/source.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const ROOMS = ["smtpd", "pop3d", "shared", "etc"];

function readProject(): Project {
  const paths = ROOMS.flatMap((room) =>
    readdirSync(join(ROOT, room), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts"))
      .map((name) => join(ROOT, room, name)),
  );
  const { dependencies, optionalDependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  return {
    sources: paths.map((path) => readSource(relative(ROOT, path), readFileSync(path, "utf8"))),
    dependencies: Object.keys({ ...dependencies, ...optionalDependencies }),
  };
}

describe("in this project", () => {
  const project = readProject();
  test("there are sources to look at", () => assert.ok(project.sources.length > 50));
  for (const rule of RULES) {
    test(rule.name, () => assert.deepEqual(rule.broken(project), []));
  }
});

const HEADER = "/** What this file is for. */\n";
const PURE = "/** What this file is for. Pure. */\n";

/** For a rule by its name: files that break it, and files that do not. The path is what stands before the code. */
interface Example {
  readonly rule: string;
  readonly broken: Readonly<Record<string, string>>;
  readonly kept: Readonly<Record<string, string>>;
}

const examples: readonly Example[] = [
  {
    rule: "the daemons never import each other, shared/ imports neither",
    broken: {
      "smtpd/a.ts": 'import { x } from "../pop3d/x.js";',
      "smtpd/b/c.ts": 'import type { X } from "../../pop3d/x.js";',
      "pop3d/a.ts": 'export { x } from "../smtpd/x.js";',
      "pop3d/b.ts": 'const x = await import("../smtpd/x.js");',
      "pop3d/c.ts": "import '../smtpd/x.js';",
      "shared/a.ts": 'import { x, type Y } from "../smtpd/x.js";',
      "shared/b/c.ts": 'import * as x from "../../pop3d/x.js";',
      "shared/d.ts": 'import { x } from "../etc/x.js";',
      "shared/e.ts": 'import { x } from "../test/x.js";',
      "etc/sandbox/a.ts": 'import { x } from "../../smtpd/config.js";',
    },
    kept: {
      "smtpd/a.ts": 'import { x } from "../shared/x.js"; // not from "../pop3d/x.js"',
      "pop3d/b/c.ts": 'import { x } from "../x.js"; const text = \'import x from "../smtpd/x.js"\';',
      "etc/sandbox/a.ts": 'import { x } from "../../shared/x.js"; const t = `import("../../smtpd/x.js")`;',
    },
  },
  {
    rule: "shared/ holds what more than one room uses, and the contract on disk",
    broken: {
      "shared/a.ts": 'import { b } from "./b.js";',
      "shared/b.ts": "",
      "smtpd/a.ts": 'import { a } from "../shared/a.js";',
    },
    kept: {
      "shared/a.ts": 'import type { B } from "./b.js";',
      "shared/b.ts": "",
      "shared/maildir/a.ts": "",
      "smtpd/a.ts": 'import { a } from "../shared/a.js";',
      "pop3d/a.ts": 'import { c } from "./c.js";',
      "pop3d/c.ts": 'const a = await import("../shared/a.js");',
    },
  },
  {
    rule: "a library that is to be replaceable is imported in one place",
    broken: {
      "shared/reloadable.ts": 'import { watch } from "chokidar";',
      "smtpd/receive/a.ts": 'import { SMTPServer } from "smtp-server";',
      "smtpd/main.ts": 'import type { SMTPStream } from "smtp-server/lib/smtp-stream.js";',
    },
    kept: {
      "shared/watch.ts": 'import { watch } from "chokidar";',
      "smtpd/protocol/a.ts": 'import { SMTPConnection } from "smtp-server/lib/smtp-connection.js";',
    },
  },
  {
    rule: "files are synced and renamed by shared/durable.ts alone",
    broken: {
      "smtpd/a.ts": 'import { readFile, rename } from "node:fs/promises";',
      "smtpd/b.ts": 'import { renameSync as move } from "node:fs";',
      "smtpd/c.ts": 'import * as fs from "node:fs";',
      "smtpd/d.ts": 'import fs from "fs/promises";',
      "smtpd/e.ts": 'const { rename } = await import("node:fs/promises");',
      "smtpd/f.ts": 'import { open } from "node:fs/promises"; await handle.sync();',
      "smtpd/g.ts": 'import { open } from "node:fs/promises"; await this.#handle?.datasync();',
    },
    kept: {
      "smtpd/a.ts": 'import { readFile, type FileHandle } from "node:fs/promises"; sync(); // handle.sync()',
      "smtpd/b.ts": 'import { rename } from "./name.js"; await durableFile.sync();',
      "shared/durable.ts": 'import { rename } from "node:fs/promises";',
    },
  },
  {
    rule: "the core says that it is pure",
    broken: { "shared/units.ts": "export const x = 1; // Pure." },
    kept: {},
  },
  {
    rule: "what says that it is pure knows no network, file, clock, chance or log",
    broken: {
      "shared/a.ts": `${PURE}import { connect, isIPv4 } from "node:net";`,
      "shared/b.ts": `${PURE}import { isIPv4 } from "node:tls";`,
      "shared/c.ts": `${PURE}import { open } from "node:fs/promises";`,
      "shared/d.ts": `${PURE}import "node:dns";`,
      "shared/e.ts": `${PURE}import { setTimeout } from "timers/promises";`,
      "shared/f.ts": `${PURE}import type { Log } from "./log.js";`,
      "shared/g.ts": `${PURE}const now = () => Date.now();`,
      "shared/h.ts": `${PURE}const now = new Date();`,
      "shared/i.ts": `${PURE}setTimeout(() => {}, 1);`,
      "shared/j.ts": `${PURE}const text = \`\${Math.random()}\`;`,
      "shared/k.ts": `${PURE}const now = performance.now();`,
      "shared/l.ts": `${PURE}const pid = process.pid;`,
      "shared/n.ts": `${PURE}import * as net from "node:net";`,
      "shared/o.ts": `${PURE}const a = /["'\`]/.test(b) ? Date.now() : 0;`,
      "shared/p.ts": `#!/usr/bin/env node\n${PURE}console.log("x");`,
    },
    kept: {
      "shared/a.ts": `${PURE}import { isIPv4, type Socket } from "node:net";`,
      "shared/b.ts": `${PURE}import type { Socket } from "node:net";`,
      "shared/c.ts": `${PURE}/** @param now as Date.now() gives it */ const text = "setTimeout(";`,
      "shared/d.ts": `${PURE}const day = new Date(now).getUTCDay(); const x = a / b; /* Math.random */ const y = c / d;`,
      "shared/e.ts": `${HEADER}// Pure, but for this:\nconst now = Date.now();`,
      "shared/f.ts": `${PURE}const x = \`a \${b ? \`\${{ c }}\` : "}"} Date.now() \\\` Date.now()\`;`,
    },
  },
  {
    rule: "what is pure is made of what is pure",
    broken: { "shared/a.ts": `${PURE}import { b } from "./b.js";`, "shared/b.ts": HEADER },
    kept: {
      "shared/a.ts": `${PURE}import { b, type C } from "./b.js"; import type { D } from "./d.js";`,
      "shared/b.ts": PURE,
      "shared/d.ts": HEADER,
    },
  },
  {
    rule: "arguments and environment are read by a main.ts",
    broken: {
      "smtpd/a.ts": "const home = process.env.HOME;",
      "smtpd/b.ts": "const [, , file] = process.argv;",
      "smtpd/c.ts": 'import { env } from "node:process";',
      "smtpd/d.ts": 'const all = process["env"];',
      "smtpd/domain.ts": "process.env",
    },
    kept: {
      "smtpd/main.ts": "const args = process.argv.slice(2);",
      "smtpd/b.ts": "const pid = process.pid; // process.argv",
    },
  },
  {
    rule: "no file needs itself",
    broken: {
      "shared/a.ts": 'import { b } from "./b.js";',
      "shared/b.ts": 'import { c } from "./c/c.js";',
      "shared/c/c.ts": 'import { a } from "../a.js";',
    },
    kept: {
      "shared/a.ts": 'import { b } from "./b.js"; import { c } from "./c.js";',
      "shared/b.ts": 'import { c } from "./c.js"; import type { A } from "./a.js";',
      "shared/c.ts": "",
    },
  },
  {
    rule: "a file over 300 lines is two things",
    broken: { "shared/a.ts": `${HEADER}${"x();\n".repeat(300)}` },
    kept: { "shared/a.ts": `${HEADER}${"x();\n".repeat(299)}` },
  },
  {
    rule: "a file begins with a comment that says what it is for",
    broken: {
      "shared/a.ts": "x();",
      "shared/b.ts": "import x from 'y';\n/** Too late it says. */",
      "shared/c.ts": "/** */",
    },
    kept: { "shared/a.ts": `${HEADER}x();`, "smtpd/main.ts": `#!/usr/bin/env node\n${HEADER}x();` },
  },
  {
    rule: "no file only hands on what others export",
    broken: {
      "shared/a.ts": `${HEADER}export { b } from "./b.js";\nexport type { C } from "./c.js";`,
      "shared/b.ts": `${HEADER}export * from "./c.js";\nconst x = 1;`,
      "shared/c.ts": `${HEADER}export * as d from "./d.js"`,
    },
    kept: {
      "shared/a.ts": `${HEADER}export { b } from "./b.js";\nexport const c = 1;`,
      "shared/b.ts": "export { c };",
    },
  },
  {
    rule: "a file is named for one thing",
    broken: {
      "shared/utils.ts": "",
      "shared/utils/a.ts": "",
      "smtpd/util.ts": "",
      "smtpd/mail-helpers.ts": "",
    },
    kept: { "shared/units.ts": "", "shared/utilization.ts": "" },
  },
  {
    rule: "each dependency is imported, and nothing else is",
    broken: { "shared/a.ts": 'import { z } from "zod"; import { a } from "@scope/other/deep";' },
    kept: {
      "shared/a.ts": 'import { z } from "zod/v4"; import fs from "node:fs";',
      "shared/b.ts": 'const one = await import("@scope/name");',
    },
  },
];

describe("a rule can be broken:", () => {
  const dependencies = ["zod", "@scope/name"];
  for (const { rule: name, broken, kept } of examples) {
    test(name, () => {
      const rule = RULES.find((rule) => rule.name === name);
      assert.ok(rule, name);
      const sources = Object.entries(broken).map(([path, text]) => readSource(path, text));
      const faults = rule.broken({ sources, dependencies }).join("\n");
      const alone = /^(?:what is pure|shared)/.test(name) ? sources.slice(0, 1) : sources;
      const culprits = rule.name.startsWith("each dependency")
        ? ["@scope/other", "@scope/name"]
        : alone.map(({ path }) => path);
      for (const culprit of culprits)
        assert.ok(faults.includes(culprit), `${culprit} is not found out:\n${faults}`);

      if (Object.keys(kept).length === 0) return;
      const innocent = Object.entries(kept).map(([path, text]) => readSource(path, text));
      assert.deepEqual(rule.broken({ sources: innocent, dependencies }), []);
    });
  }

  test("every one of them is", () => {
    assert.deepEqual(
      examples.map(({ rule }) => rule),
      RULES.map(({ name }) => name),
    );
  });

  test("an exception that is needed no more", () => {
    const rule = RULES.find(({ name }) => name.startsWith("files are synced"));
    const sources = [readSource("shared/accounts/edit-lock.ts", `${HEADER}x();`)];
    assert.equal(rule?.broken({ sources, dependencies }).length, 1);
  });
});
