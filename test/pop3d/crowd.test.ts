/**
 * Two thousand sessions at once: clients that say nothing, that log in and idle, that ask for a big message and do not
 * read it, that send lines without end or commands without reading a reply. Meanwhile those who behave are served,
 * and memory has a bound.
 *
 * All call from this host; a header of the PROXY protocol gives each an address of its own, as 2,000 real clients have.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { concurrently } from "../../shared/concurrently.js";
import { DOMAIN, PASSWORD, Site } from "../daemons/site.js";
import { ENDS, v1 } from "../fakes/proxy-header.js";

const SILENT = 500;
const IDLE = 800;
const SLOW = 300;
const UNREAD = 300;
const FLOODS = 200;
const BEHAVED = 300;
/** Calls that are made at a time: the kernel's queue of connections to accept is not without end. */
const AT_ONCE = 50;
const MIB = 1024 * 1024;
const BIG_OCTETS = 4 * MIB;
/** What a session may cost: while it idles; with commands and replies under way; in the middle of a big message. */
const KIB = 1024;
const GROWTH_OCTETS_MAX =
  (SILENT + IDLE + FLOODS + BEHAVED) * 48 * KIB + UNREAD * 192 * KIB + SLOW * 320 * KIB + 64 * MIB;
/** The difference between two rounds of work with the same crowd around: what the collector of garbage has not done. */
const NOISE_OCTETS_MAX = 48 * MIB;

test("2,000 sessions, most of which behave badly", { timeout: 300_000 }, async (t) => {
  const users = Array.from({ length: IDLE + SLOW + UNREAD + BEHAVED }, (_, i) => `u${i}`);
  const site = await Site.make(users);
  const [idle, slow, unread, behaved] = [
    users.slice(0, IDLE),
    users.slice(IDLE, IDLE + SLOW),
    users.slice(IDLE + SLOW, -BEHAVED),
    users.slice(-BEHAVED),
  ];
  const big = Buffer.concat([
    Buffer.from("Subject: big\n\n"),
    Buffer.alloc(BIG_OCTETS, `${"x".repeat(75)}\n`),
  ]);
  await concurrently(slow, AT_ONCE, (user) => site.deliver(user, big));
  await concurrently(behaved, AT_ONCE, (user) => site.deliver(user, `Subject: for ${user}\n\nHello\n`));
  const { pop3, daemon } = await site.pop3d({
    listen: 'proxy_protocol = ["127.0.0.1"]\nallow_plaintext_auth = "always"\n',
    tables: '[limits]\nconnections = 3000\nconnections_per_ip = 1\nlogin_time = "10m"\n',
  });
  const crowd = new Crowd(pop3);
  t.after(async () => {
    crowd.disperse();
    await daemon.stop();
    await site.remove();
  });
  const before = await daemon.residentOctets();

  await concurrently(Array(SILENT).keys(), AT_ONCE, async () => {
    await crowd.join();
  });
  await concurrently(idle, AT_ONCE, async (user) => {
    await (await crowd.join()).login(user);
  });
  await concurrently(slow, AT_ONCE, async (user) => {
    const session = await crowd.join();
    await session.login(user);
    session.send("RETR 1\r\nRETR 1\r\nRETR 1\r\n");
    session.readNothing();
  });
  await concurrently(unread, AT_ONCE, async (user) => {
    const session = await crowd.join();
    await session.login(user);
    session.readNothing();
    session.flood(Buffer.from("CAPA\r\n".repeat(10_000)));
  });
  await concurrently(Array(FLOODS).keys(), AT_ONCE, async (i) => {
    const session = await crowd.join();
    session.flood(Buffer.from(i % 2 === 0 ? "x".repeat(60_000) : "WHAT\r\n".repeat(10_000)));
  });

  // With all of them there, the others do their work, all at the same time.
  const grown: number[] = [];
  for (const work of ["STAT\r\nRETR 1\r\nNOOP\r\nQUIT\r\n", "STAT\r\nRETR 1\r\nDELE 1\r\nQUIT\r\n"]) {
    const served = await Promise.all(
      behaved.map(async (user) => {
        const session = await crowd.join();
        await session.login(user);
        session.send(work);
        return session.rest();
      }),
    );
    for (const [i, said] of served.entries()) {
      assert.match(said, new RegExp(`^\\+OK 1 \\d+\\r\\n\\+OK [^]*Subject: for ${behaved[i]}\\r\\n`));
      assert.match(said, /\r\n\.\r\n\+OK [^\r]*\r\n\+OK [^\r]*\r\n$/);
    }
    grown.push((await daemon.residentOctets()) - before);
  }
  for (const user of behaved) assert.deepEqual(await site.messages(user), []);
  assert.ok(crowd.joined >= 2000, `${crowd.joined} sessions`);
  assert.ok(crowd.present >= SILENT + IDLE + SLOW + UNREAD, `${crowd.present} sessions are still there`);
  const [first = 0, second = 0] = grown;
  const sizes = grown.map((octets) => `${Math.round(octets / MIB)} MiB`).join(", then ");
  assert.ok(first < GROWTH_OCTETS_MAX, sizes);
  assert.ok(second - first < NOISE_OCTETS_MAX, sizes);
  t.diagnostic(`${crowd.present} sessions at a time, ${sizes} more than before`);
});

class Crowd {
  readonly #sessions: Session[] = [];
  readonly #port: number;
  #joined = 0;

  constructor(port: number) {
    this.#port = port;
  }

  disperse(): void {
    for (const session of this.#sessions) session.destroy();
  }

  get joined(): number {
    return this.#joined;
  }

  get present(): number {
    return this.#sessions.filter(({ closed }) => !closed).length;
  }

  /** One more session, greeted, of a client with an address of its own. */
  async join(): Promise<Session> {
    const i = ++this.#joined;
    const socket = connect({ port: this.#port, host: "127.0.0.1" });
    const session = new Session(socket);
    this.#sessions.push(session);
    await once(socket, "connect");
    session.send(v1({ ...ENDS, from: `198.18.${i >> 8}.${i & 255}` }));
    await session.line();
    return session;
  }
}

class Session {
  readonly #socket: Socket;
  #said = "";
  #changed = () => {};
  #closed = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (octets: Buffer) => {
      this.#said += octets.toString("latin1");
      this.#changed();
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      this.#closed = true;
      this.#changed();
    });
  }

  get closed(): boolean {
    return this.#closed;
  }

  send(octets: string | Buffer): void {
    this.#socket.write(octets);
  }

  async login(user: string): Promise<void> {
    this.send(`USER ${user}@${DOMAIN}\r\nPASS ${PASSWORD}\r\n`);
    assert.match(await this.line(), /^\+OK/);
    assert.match(await this.line(), /^\+OK/);
  }

  readNothing(): void {
    this.#socket.pause();
  }

  /** Sends this again and again, as fast as it is taken. */
  flood(octets: Buffer): void {
    const more = () => {
      if (!this.#closed) this.#socket.write(octets);
    };
    this.#socket.on("drain", more);
    more();
  }

  async line(): Promise<string> {
    while (!this.#said.includes("\r\n")) await this.#change();
    const end = this.#said.indexOf("\r\n");
    const line = this.#said.slice(0, end);
    this.#said = this.#said.slice(end + 2);
    return line;
  }

  /** All that is said until the server closes. */
  async rest(): Promise<string> {
    while (!this.#closed) await this.#change();
    return this.#said;
  }

  destroy(): void {
    this.#socket.destroy();
  }

  async #change(): Promise<void> {
    assert.ok(!this.#closed, `closed after ${JSON.stringify(this.#said)}`);
    await new Promise<void>((resolve) => (this.#changed = resolve));
  }
}
