/** A host with a queue, for tests of programs that call sendmail: nothing sends what is in it. */
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatMailbox } from "../../../shared/address.js";
import { FsyncDurable } from "../../../shared/durable.js";
import { openLog } from "../../../shared/log.js";
import { uniqueNames } from "../../../shared/maildir/name.js";
import type { QueueEnvelope } from "../../../smtpd/queue/envelope.js";
import { isEnvelope, parseEnvelope, queueIdOfFile } from "../../../smtpd/queue/envelope-file.js";
import { Queue } from "../../../smtpd/queue/queue.js";
import { programOf } from "../../daemons/daemon.js";
import { type Ended, runProgram } from "../../daemons/program.js";

export interface Queued {
  readonly envelope: QueueEnvelope;
  /** `alice@example.org`, or empty for the null reverse-path. */
  readonly from: string;
  readonly to: readonly string[];
  /** One character for each octet. */
  readonly text: string;
  /** The header's lines, unfolded, and what follows the blank line. */
  readonly header: readonly string[];
  readonly body: string;
}

export class SendmailSite {
  readonly directory: string;
  readonly configFile: string;

  private constructor(directory: string) {
    this.directory = directory;
    this.configFile = join(directory, "smtpd.toml");
  }

  /** @param tables further TOML */
  static async make(tables = "", user = "root"): Promise<SendmailSite> {
    const site = new SendmailSite(await mkdtemp(join(tmpdir(), "pillarbox-sendmail-")));
    await mkdir(join(site.directory, "bin"));
    await writeFile(
      site.configFile,
      `hostname = "mail.example.org"\ndomains = ["example.org"]\nuser = "${user}"\nstate_dir = "${site.directory}/state"\n${tables}`,
    );
    return site;
  }

  get queue(): string {
    return join(this.directory, "state", "queue");
  }

  remove(): Promise<void> {
    return rm(this.directory, { recursive: true, force: true });
  }

  /** Runs `smtpd sendmail`. */
  sendmail(words: readonly string[], input: string | Buffer = ""): Promise<Ended> {
    return runProgram("smtpd", ["sendmail", "-C", this.configFile, ...words], input);
  }

  /** Runs `smtpd queue`. */
  queueCommand(words: readonly string[]): Promise<Ended> {
    return runProgram("smtpd", ["--config", this.configFile, "queue", ...words]);
  }

  /** The queue, to put messages there without a program. */
  openQueue(): Promise<Queue> {
    const log = openLog("test", { level: "fatal", format: "json" });
    const uniqueName = uniqueNames("test", process.pid, Date.now);
    return Queue.open(this.queue, { durable: new FsyncDurable(0o640), uniqueName, now: Date.now, log });
  }

  /** A program for others to call as sendmail, with this configuration. */
  async program(name = "sendmail"): Promise<string> {
    const path = join(this.directory, "bin", name);
    const words = [process.execPath, programOf("smtpd"), "sendmail", "-C", this.configFile];
    await writeFile(path, `#!/bin/sh\nexec ${words.map((word) => `'${word}'`).join(" ")} "$@"\n`);
    await chmod(path, 0o755);
    return path;
  }

  /** A symbolic link to our program. */
  async link(name: string): Promise<string> {
    const path = join(this.directory, "bin", name);
    await symlink(programOf("smtpd"), path);
    return path;
  }

  /** What is in the queue, the oldest first. */
  async queued(): Promise<Queued[]> {
    const names = await readdir(join(this.queue, "envelope")).catch((): string[] => []);
    return Promise.all(names.sort().map((name) => this.#read(name)));
  }

  /** The one message that is in the queue. */
  async only(): Promise<Queued> {
    const [one, ...others] = await this.queued();
    if (one === undefined || others.length > 0) throw new Error("there is not one message in the queue");
    return one;
  }

  /** Files that are neither an envelope nor the message of one. */
  async left(): Promise<string[]> {
    const known = (await this.queued()).map(({ envelope }) => envelope.message);
    const found = await Promise.all(
      ["tmp", "new", "cur", "control", "broken"].map((folder) =>
        readdir(join(this.queue, folder)).catch((): string[] => []),
      ),
    );
    return found.flat().filter((name) => !known.includes(name));
  }

  async #read(name: string): Promise<Queued> {
    const json = await readFile(join(this.queue, "envelope", name), "utf8");
    const envelope = parseEnvelope(json, queueIdOfFile(name) ?? "");
    if (!isEnvelope(envelope)) throw new Error(`${name}: ${envelope.reason}`);
    const text = await readFile(join(this.queue, "new", envelope.message), "latin1");
    const end = text.indexOf("\n\n");
    return {
      envelope,
      from: envelope.reversePath === undefined ? "" : formatMailbox(envelope.reversePath),
      to: envelope.recipients.map(({ forwardPath }) => formatMailbox(forwardPath)),
      text,
      header: text
        .slice(0, end)
        .replace(/\n[ \t]+/g, " ")
        .split("\n"),
      body: text.slice(end + 2),
    };
  }
}
