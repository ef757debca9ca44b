/** Sessions of Dovecot's own pop3 process, logged in beforehand, with `pop3_lock_session = yes`. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { TestContext } from "node:test";
import type { Maildir } from "../../shared/maildir/maildir.js";
import { asNobody, giveFileToNobody, NOBODY, runsAsRoot } from "../nobody.js";

export const DOVECOT_POP3 = "/usr/lib/dovecot/pop3";

export class DovecotPop3 {
  /** Its first words: +OK when it has the maildrop, -ERR when it has waited for ten seconds and gives up. */
  readonly answer: Promise<string>;
  readonly #process: ChildProcess;
  readonly #gone: Promise<unknown>;
  readonly #lines: AsyncIterator<string>;

  private constructor(process: ChildProcess) {
    this.#process = process;
    this.#gone = once(process, "close");
    if (process.stdout === null) throw new Error("no output to read");
    this.#lines = createInterface({ input: process.stdout })[Symbol.asyncIterator]();
    process.stdin?.on("error", () => {});
    // It leaves the greeting to the login process that we do without.
    this.answer = this.command("NOOP");
  }

  /**
   * Ends with the test.
   * @param home a directory of the user who runs it
   * @param wrapper a command to run it under
   */
  static async start(
    t: TestContext,
    home: string,
    { path }: Maildir,
    wrapper: readonly string[] = [],
  ): Promise<DovecotPop3> {
    const [uid, gid] = runsAsRoot ? [NOBODY, NOBODY] : [process.getuid?.(), process.getgid?.()];
    const run = join(home, "run");
    await mkdir(run, { recursive: true });
    await giveFileToNobody(run);
    const config = join(home, "dovecot-pop3.conf");
    await writeFile(
      config,
      `base_dir = ${run}\nstate_dir = ${run}\nlog_path = /dev/null\nprotocols = pop3\nssl = no\n` +
        `stats_writer_socket_path =\nmail_location = maildir:${path}\npop3_lock_session = yes\n` +
        `mail_uid = ${uid}\nmail_gid = ${gid}\nfirst_valid_uid = 0\nfirst_valid_gid = 0\n`,
    );
    const [command = "", ...args] = [...wrapper, ...asNobody([DOVECOT_POP3, "-c", config])];
    const child = spawn(command, args, {
      stdio: ["pipe", "pipe", "ignore"],
      env: { ...process.env, USER: "alice", HOME: home },
    });
    const session = new DovecotPop3(child);
    t.after(() => session.kill());
    return session;
  }

  /** Sends a line; resolves to the first of the answer, and to nothing when the session has ended. */
  async command(line: string): Promise<string> {
    this.#process.stdin?.write(`${line}\r\n`);
    const { value } = await this.#lines.next();
    return value ?? "";
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  async quit(): Promise<void> {
    this.#process.stdin?.end("QUIT\r\n");
    await this.#gone;
  }

  /** SIGKILL; resolves when the process is gone. */
  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.#gone;
  }
}
