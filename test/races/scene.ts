/** A Maildir, a daemon that stops where it is told to (stops.ts), and a POP3 session with it. */
import { utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { FsyncDurable } from "../../shared/durable.js";
import { createMaildir } from "../../shared/maildir/create.js";
import type { Folder, Maildir } from "../../shared/maildir/maildir.js";
import { PASSWORD, type Pop3d, Site } from "../daemons/site.js";
import { Client } from "../pop3d/client.js";
import { Stops } from "./stops.js";

export class Scene {
  readonly site: Site;
  readonly maildir: Maildir;
  readonly #sessions: { readonly pop3d: Pop3d; readonly client: Client }[] = [];

  private constructor(site: Site) {
    this.site = site;
    this.maildir = site.maildir("alice");
  }

  static async make(): Promise<Scene> {
    const scene = new Scene(await Site.make(["alice"]));
    await createMaildir(scene.maildir, new FsyncDurable());
    return scene;
  }

  /** Messages of three octets on the wire, in a folder that nobody has touched for a while. */
  async put(folder: Folder, names: readonly string[]): Promise<void> {
    for (const name of names) await writeFile(`${this.maildir[folder]}/${name}`, "x\n");
    const then = new Date(Date.now() - 60_000);
    for (const path of [this.maildir.new, this.maildir.cur]) await utimes(path, then, then);
  }

  /** Begins a login at a daemon that stops at these calls on these paths. */
  async login(calls: string, paths: readonly string[], when: string): Promise<Login> {
    const stops = new Stops(join(this.site.directory, "trace"), calls, paths, when);
    const pop3d = await this.site.pop3d(stops.options);
    const client = await Client.connect(pop3d.pop3);
    this.#sessions.push({ pop3d, client });
    await client.expect("+OK");
    await client.command("USER alice", "+OK");
    client.send(`PASS ${PASSWORD}\r\n`);
    return new Login(stops, pop3d, client);
  }

  /** Ends the sessions and their daemons; the clients go first, or the daemons would wait for them. */
  async endSessions(): Promise<void> {
    for (const { pop3d, client } of this.#sessions.splice(0)) {
      client.destroy();
      await pop3d.daemon.stop();
    }
  }

  async remove(): Promise<void> {
    await this.endSessions();
    await this.site.remove();
  }
}

export class Login {
  readonly stops: Stops;
  readonly client: Client;
  readonly #pop3d: Pop3d;

  constructor(stops: Stops, pop3d: Pop3d, client: Client) {
    this.stops = stops;
    this.client = client;
    this.#pop3d = pop3d;
  }

  /** Does something at the daemon's next stop, and lets it go on. */
  async stop(action: () => Promise<unknown>): Promise<void> {
    await this.stops.next(this.#pop3d.daemon);
    await action();
    this.#pop3d.daemon.signal("SIGCONT");
  }

  /** The unique-ids, when the login is through. */
  async listed(): Promise<string[]> {
    await this.client.expect("+OK");
    await this.client.command("UIDL", "+OK");
    return (await this.client.lines()).map((line) => line.slice(line.indexOf(" ") + 1));
  }
}
