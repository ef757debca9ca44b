/** A configuration of pop3d in a directory of its own, and `pop3d user` run on it. */
import assert from "node:assert/strict";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { createAuthenticator } from "../../shared/accounts/authenticator.js";
import { loadAccounts } from "../../shared/accounts/passwd-file.js";
import { type Ended, runProgram } from "../daemons/program.js";
import { ListingChecker } from "../fakes/password-checker.js";
import { runsAsRoot } from "../nobody.js";

const DOMAIN = "example.org";
/** The user whose mail it is: somebody else, where we are root. */
export const USER = runsAsRoot ? "nobody" : userInfo().username;

export class UserSite {
  readonly directory: string;
  readonly configFile: string;

  private constructor(directory: string) {
    this.directory = directory;
    this.configFile = join(directory, "pop3d.toml");
  }

  static async make(): Promise<UserSite> {
    const site = new UserSite(await mkdtemp(join(tmpdir(), "pillarbox-user-")));
    // USER has to come to its mail.
    await chmod(site.directory, 0o711);
    await writeFile(
      site.configFile,
      `domains = ["${DOMAIN}", "example.net"]
       accounts = "${site.directory}/users"
       mail_root = "${site.directory}/srv/mail"
       user = "${USER}"
       [[listen]]
       address = "127.0.0.1:0"\n`,
    );
    return site;
  }

  /** Runs `pop3d user` to its end. */
  run(args: readonly string[], input = ""): Promise<Ended> {
    return runProgram("pop3d", ["user", ...args, "--config", this.configFile], input);
  }

  async add(address: string, password = "secret"): Promise<void> {
    const { code, stderr } = await this.run(["add", address, "--password-stdin"], `${password}\n`);
    assert.equal(code, 0, stderr);
  }

  accountsFile(): Promise<string> {
    return readFile(join(this.directory, "users"), "utf8");
  }

  writeAccountsFile(text: string, mode = 0o600): Promise<void> {
    return writeFile(join(this.directory, "users"), text, { mode });
  }

  /** The home of a user of example.org; that of "." has them all in it. */
  home(localPart: string): string {
    return join(this.directory, "srv/mail", DOMAIN, localPart);
  }

  async canLogIn(username: string, password: string): Promise<boolean> {
    const options = { mailRoot: join(this.directory, "srv/mail"), defaultDomain: DOMAIN };
    const accounts = await loadAccounts(join(this.directory, "users"), options);
    const checker = new ListingChecker();
    const logins = createAuthenticator({ accounts: () => accounts, defaultDomain: DOMAIN, checker });
    return (await logins.authenticate(username, password)).kind === "granted";
  }

  async remove(): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }
}
