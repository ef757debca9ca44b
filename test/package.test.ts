/**
 * The package as it is published: what is in it, what it depends on, and that it works where `npm install -g` puts it.
 *
 * The installation needs a registry, or npm's cache from the installation of this checkout; without either it is skipped.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { run, succeed } from "./interop/run.js";
import { NOBODY, runsAsRoot } from "./nobody.js";
import { lacking, without } from "./peers.js";
import { collect, send } from "./sandbox/mail.js";
import { Pillarbox } from "./sandbox/pillarbox.js";

/** Compiled, this file lies in dist/test/. */
const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const COMMANDS = ["smtpd", "pop3d", "pillarbox"];

const NPM_SETTINGS = {
  npm_config_audit: "false",
  npm_config_fund: "false",
  npm_config_loglevel: "error",
  // Some seconds without a registry are enough to see that there is none.
  npm_config_fetch_retries: "1",
  npm_config_fetch_retry_mintimeout: "1000",
  npm_config_fetch_timeout: "10000",
};

const directory = mkdtempSync(join(tmpdir(), "pillarbox-package-"));
// Another user shall be able to run what is installed here.
chmodSync(directory, 0o755);
after(() => rmSync(directory, { recursive: true }));

interface LockedPackage {
  readonly dev?: boolean;
  readonly hasInstallScript?: boolean;
  readonly resolved?: string;
}

test("no dependency runs a script when it is installed", () => {
  const packages = lockedPackages().filter(([path, { dev }]) => path !== "" && dev !== true);
  assert.ok(packages.length > 10);
  const scripted = packages.filter(([, { hasInstallScript }]) => hasInstallScript === true);
  assert.deepEqual(scripted, []);
});

test("package-lock.json names no host", () => {
  assert.deepEqual(
    lockedPackages().filter(([, { resolved }]) => resolved !== undefined),
    [],
  );
  assert.ok(!lockFile().includes("://registry"));
});

function lockFile(): string {
  return readFileSync(join(ROOT, "package-lock.json"), "utf8");
}

function lockedPackages(): [string, LockedPackage][] {
  const { packages }: { packages: Record<string, LockedPackage> } = JSON.parse(lockFile());
  return Object.entries(packages);
}

describe("the package", { skip: without("npm") }, () => {
  const prefix = join(directory, "prefix");
  let files: readonly string[] = [];
  let unavailable: string | undefined;

  before(async () => {
    // With its scripts, packing would build anew, under the tests that run from dist/ now.
    const packed = await succeed(
      "npm",
      ["pack", "--ignore-scripts", "--json", "--pack-destination", directory],
      {
        cwd: ROOT,
      },
    );
    const [description]: { filename: string; files: { path: string }[] }[] = JSON.parse(packed);
    assert.ok(description !== undefined);
    const tarball = join(directory, description.filename);
    files = description.files.map(({ path }) => path);

    unavailable = await install(tarball, prefix);
  });

  test("holds what it needs, and no tests, no sources, no maps", () => {
    for (const file of [
      "LICENSE",
      "README.md",
      "CHANGELOG.md",
      "dist/smtpd/main.js",
      "dist/pop3d/main.js",
      "dist/etc/sandbox/main.js",
      "dist/etc/sandbox/end-with-sandbox.js",
      "etc/smtpd.toml",
      "etc/pop3d.toml",
      "etc/users",
      "etc/aliases",
      "etc/sandbox/messages/1-welcome.eml",
    ]) {
      assert.ok(files.includes(file), file);
    }
    const unwanted = files.filter((file) =>
      /(^|\/)test\/|\.ts$|\.map$|\.test\.|\.tgz$|^\.|(^|\/)\.ci/.test(file),
    );
    assert.deepEqual(unwanted, []);
  });

  for (const command of COMMANDS) {
    test(`puts the command ${command} where npm puts commands`, async (t) => {
      if (unavailable !== undefined) return t.skip(unavailable);
      const { version }: { version: string } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
      const program = join(prefix, "bin", command);
      assert.equal(await succeed(program, ["--version"]), `${version}\n`);
      assert.ok((await succeed(program, ["--help"])).startsWith(command));
      assert.equal((await run(program, ["--bogus"])).code, 64);
    });
  }

  test("sends and collects a message, without root's rights", async (t) => {
    if (unavailable !== undefined) return t.skip(unavailable);
    const uid = unprivilegedUser();
    t.diagnostic(`as user ${uid ?? process.getuid?.()}`);
    const home = join(directory, "home");
    mkdirSync(home);
    if (uid !== undefined) chownSync(home, uid, uid);
    const sandbox = await Pillarbox.start(join(home, "sandbox"), {
      command: [join(prefix, "bin", "pillarbox")],
      ...(uid === undefined ? {} : { uid }),
    });
    t.after(() => sandbox.kill());

    await send(sandbox.ports.smtp, ["Subject: hello", "", "from an installed package"]);
    await send(sandbox.ports.submission, ["Subject: hello", "", "and again"], { login: true });
    const messages = (await collect(sandbox.ports.pop3s, { tls: true })).map(String);
    assert.equal(messages.length, 5);
    assert.ok(messages[3]?.endsWith("\r\n\r\nfrom an installed package\r\n"));
    assert.ok(messages[4]?.endsWith("\r\n\r\nand again\r\n"));
    assert.equal((await sandbox.stop()).code, 0);
  });
});

/** Installs as anyone would. The reason why that cannot be tried, where npm gets no packages. */
async function install(tarball: string, prefix: string): Promise<string | undefined> {
  let said = "";
  // npm's cache is full when this checkout was installed by this user a moment ago; the registry is asked only else.
  for (const source of ["--offline", "--prefer-offline"]) {
    const { code, stdout, stderr } = await run("npm", ["install", "--global", source, tarball], {
      cwd: directory,
      env: { ...NPM_SETTINGS, npm_config_prefix: prefix },
    });
    if (code === 0) return undefined;
    said = stdout + stderr;
  }
  const offline = /ENOTCACHED|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENETUNREACH|ETIMEDOUT|network/.exec(said);
  assert.ok(offline, said);
  return lacking(`npm has neither a registry nor all packages in its cache (${offline[0]})`);
}

/** For root, a user without rights who can run this node; undefined when the tests are not run by root, or there is none. */
function unprivilegedUser(): number | undefined {
  if (!runsAsRoot) return undefined;
  const tried = spawnSync("node", ["--version"], { uid: NOBODY, gid: NOBODY, cwd: directory });
  return tried.status === 0 ? NOBODY : undefined;
}
