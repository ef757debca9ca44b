/** TLS with other hosts: by each policy, with each kind of certificate and of trouble. And logins, which need it. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import pino from "pino";
import type { Hop } from "../../../smtpd/send/hop.js";
import { writeCertificate } from "../../fakes/certificate.js";
import { SINK_EXTENSIONS, Sink, type SinkOptions } from "../../fakes/sink.js";
import { temporaryDirectory } from "../../temporary-directory.js";
import { dispositions, hopTo, NEVER, SILENT, transaction, transportFor } from "./sending.js";

const DELIVERED = "delivered 2.0.0";
const NO_TLS = "next host 4.7.5";
const NO_LOGIN = "next host 4.7.8";
/** The name in the certificate. */
const NAME = "mx.example.net";

let good: { certificate: string; key: string };
let expired: { certificate: string; key: string };

let directory: string;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "pillarbox-test-"));
  good = await contents(await writeCertificate(directory, NAME));
  const dates = { notBeforeDate: new Date("2020-01-01"), notAfterDate: new Date("2020-01-02") };
  expired = await contents(await writeCertificate(directory, NAME, dates));
});

after(() => rm(directory, { recursive: true, force: true }));

async function contents(files: { certificate: string; key: string }) {
  return { certificate: await readFile(files.certificate, "utf8"), key: await readFile(files.key, "utf8") };
}

interface Row {
  readonly name: string;
  readonly sink: () => SinkOptions;
  readonly trusted?: () => string;
  readonly host?: string | undefined;
  readonly done: Readonly<Record<Hop["tls"], string>>;
  /** The policies by which the message goes over TLS. */
  readonly secure: readonly Hop["tls"][];
}

const ROWS: readonly Row[] = [
  {
    name: "a good certificate",
    sink: () => ({ tls: good }),
    trusted: () => good.certificate,
    done: { may: DELIVERED, must: DELIVERED, never: DELIVERED, implicit: NO_TLS },
    secure: ["may", "must"],
  },
  {
    name: "a certificate of an authority that nobody knows",
    sink: () => ({ tls: good }),
    done: { may: DELIVERED, must: NO_TLS, never: DELIVERED, implicit: NO_TLS },
    secure: ["may"],
  },
  {
    name: "a certificate of another name",
    sink: () => ({ tls: good }),
    trusted: () => good.certificate,
    host: "mx2.example.net",
    done: { may: DELIVERED, must: NO_TLS, never: DELIVERED, implicit: NO_TLS },
    secure: ["may"],
  },
  {
    name: "an expired certificate",
    sink: () => ({ tls: expired }),
    trusted: () => expired.certificate,
    done: { may: DELIVERED, must: NO_TLS, never: DELIVERED, implicit: NO_TLS },
    secure: ["may"],
  },
  {
    name: "the address in the certificate, where there is no name",
    sink: () => ({ tls: good }),
    trusted: () => good.certificate,
    host: undefined,
    done: { may: DELIVERED, must: DELIVERED, never: DELIVERED, implicit: NO_TLS },
    secure: ["may", "must"],
  },
  {
    name: "TLS from the first octet on",
    sink: () => ({ tls: { ...good, implicit: true } }),
    trusted: () => good.certificate,
    done: { may: "next host 4.4.2", must: "next host 4.4.2", never: "next host 4.4.2", implicit: DELIVERED },
    secure: ["implicit"],
  },
  {
    name: "TLS from the first octet on, with a certificate of another name",
    sink: () => ({ tls: { ...good, implicit: true } }),
    trusted: () => good.certificate,
    host: "mx2.example.net",
    done: { may: "next host 4.4.2", must: "next host 4.4.2", never: "next host 4.4.2", implicit: NO_TLS },
    secure: [],
  },
  {
    name: "no STARTTLS",
    sink: () => ({}),
    done: { may: DELIVERED, must: "next host 4.7.4", never: DELIVERED, implicit: NO_TLS },
    secure: [],
  },
  {
    name: "STARTTLS that is offered and refused",
    sink: () => ({ tls: good, script: { STARTTLS: "454 4.7.0 not now" } }),
    done: { may: DELIVERED, must: "next host 4.7.4", never: DELIVERED, implicit: NO_TLS },
    secure: [],
  },
  {
    name: "a handshake that fails",
    sink: () => ({
      tls: good,
      script: { STARTTLS: { octets: "220 go on\r\n", next: "babble" } },
    }),
    done: { may: DELIVERED, must: NO_TLS, never: DELIVERED, implicit: NO_TLS },
    secure: [],
  },
  {
    name: "a connection that is closed after STARTTLS",
    sink: () => ({ tls: good, script: { STARTTLS: { next: "close" } } }),
    done: { may: DELIVERED, must: "next host 4.4.2", never: DELIVERED, implicit: NO_TLS },
    secure: [],
  },
  {
    name: "a handshake that hangs",
    sink: () => ({ tls: good, script: { STARTTLS: { octets: "220 go on\r\n", next: "hang" } } }),
    done: { may: DELIVERED, must: "next host 4.4.2", never: DELIVERED, implicit: NO_TLS },
    secure: [],
  },
];

for (const row of ROWS) {
  describe(row.name, () => {
    for (const tls of ["may", "must", "never", "implicit"] as const) {
      test(`${tls}: ${row.done[tls]}`, async (t) => {
        const sink = await Sink.start(t, row.sink());
        const trusted = row.trusted?.();
        const transport = transportFor(t, {
          // Who waits for a greeting that is a handshake, and the other way round.
          times: { greetingMs: 500, commandMs: 500 },
          ...(trusted === undefined ? {} : { trusted }),
        });
        const name = "host" in row ? row.host : NAME;
        const result = await transport.send(hopTo(sink, { tls, name }), transaction(), NEVER);
        assert.deepEqual(dispositions(result), [row.done[tls]]);
        const secure = row.secure.includes(tls);
        const carrier = sink.connections.find(({ commands }) => commands.includes("DATA"));
        assert.equal(carrier !== undefined, row.done[tls] === DELIVERED);
        if (carrier !== undefined) assert.equal(carrier.secure, secure);
        if (secure && name !== undefined) assert.equal(carrier?.servername, name);
      });
    }
  });
}

test("what came before TLS counts for nothing after it", async (t) => {
  // A greeting to EHLO that somebody put in behind the reply to STARTTLS: it would hide what the host offers.
  const injected = "220 go on\r\n250-mx.example.net\r\n250 SIZE 1\r\n";
  const sink = await Sink.start(t, { tls: good, script: { STARTTLS: [{ octets: injected }] } });
  const transport = transportFor(t, { trusted: good.certificate });
  const result = await transport.send(hopTo(sink, { tls: "must", name: NAME }), transaction(), NEVER);
  assert.deepEqual(dispositions(result), [DELIVERED]);
  assert.ok(sink.commands.some((command) => /^MAIL .*SIZE=24/.test(command)));
});

test("what a host offers before TLS is not what it offers after it", async (t) => {
  const extensions = (times: number) => (times === 0 ? "250-x\r\n250-STARTTLS\r\n250 DSN" : "250 x");
  const sink = await Sink.start(t, { tls: good, script: { EHLO: (_, times) => extensions(times) } });
  const result = await transportFor(t).send(hopTo(sink, { tls: "may", name: NAME }), transaction(), NEVER);
  assert.equal(result.dsn, false);
  assert.equal(sink.connections[0]?.secure, true);
});

describe("a login", () => {
  const AUTH = (mechanisms: string) => [...SINK_EXTENSIONS, `AUTH ${mechanisms}`];
  const PLAIN = `AUTH PLAIN ${Buffer.from("\0user\0pass word").toString("base64")}`;

  async function attempt(
    t: TestContext,
    options: SinkOptions,
    {
      tls = "must",
      address = "127.0.0.1",
      password = "pass word\n" as string | null,
      more = {} as Partial<Hop>,
      log = SILENT,
    } = {},
  ) {
    const sink = await Sink.start(t, options);
    const passwordFile = join(await temporaryDirectory(t), "password");
    if (password !== null) await writeFile(passwordFile, password);
    const hop = hopTo(sink, {
      name: NAME,
      tls: tls === "never" ? "never" : "must",
      address,
      login: { username: "user", passwordFile },
      ...more,
    });
    const transport = transportFor(t, { trusted: good.certificate, log });
    return { sink, done: dispositions(await transport.send(hop, transaction(), NEVER)), passwordFile };
  }

  test("goes over TLS, before MAIL", async (t) => {
    const { sink, done } = await attempt(t, { tls: good, extensions: AUTH("PLAIN LOGIN") });
    assert.deepEqual(done, [DELIVERED]);
    const { commands = [] } = sink.connections[0] ?? {};
    assert.deepEqual(commands.slice(0, 4), [
      "EHLO mail.pillarbox.test",
      "STARTTLS",
      "EHLO mail.pillarbox.test",
      PLAIN,
    ]);
  });

  test("is masked in the log", async (t) => {
    for (const mechanism of ["PLAIN", "LOGIN"]) {
      const lines: string[] = [];
      const log = pino({ level: "trace" }, { write: (line: string) => void lines.push(line) });
      const script = { secret: (_: string, times: number) => (times === 0 ? "334 UGFzc3dvcmQ6" : undefined) };
      const { done } = await attempt(t, { tls: good, extensions: AUTH(mechanism), script }, { log });
      assert.deepEqual(done, [DELIVERED]);
      const shown = lines.join("");
      assert.ok(shown.includes(`AUTH ${mechanism}`));
      for (const secret of ["user", "pass word", "\0user\0pass word"])
        assert.ok(!shown.includes(Buffer.from(secret).toString("base64")), `${mechanism}: ${secret}`);
    }
  });

  test("by LOGIN, where that is all there is", async (t) => {
    const secrets: string[] = [];
    const { done } = await attempt(t, {
      tls: good,
      extensions: AUTH("LOGIN"),
      script: {
        secret: (line, times) => {
          secrets.push(Buffer.from(line, "base64").toString());
          return times === 0 ? "334 UGFzc3dvcmQ6" : undefined;
        },
      },
    });
    assert.deepEqual(done, [DELIVERED]);
    assert.deepEqual(secrets, ["user", "pass word"]);
  });

  test("goes to this host in the clear, and to no other", async (t) => {
    const options = { extensions: AUTH("PLAIN"), host: "0.0.0.0" };
    const here = await attempt(t, options, { tls: "never" });
    assert.deepEqual(here.done, [DELIVERED]);
    assert.ok(here.sink.commands.includes(PLAIN));
    const other = Object.values(networkInterfaces())
      .flat()
      .find((one) => one?.family === "IPv4" && !one.internal);
    if (other === undefined) return t.diagnostic("no other address of this host");
    const there = await attempt(t, options, { tls: "never", address: other.address });
    assert.deepEqual(there.done, [NO_LOGIN]);
    assert.ok(!there.sink.received.includes("AUTH"));
  });

  for (const [name, options, extra] of [
    ["that is refused", { script: { AUTH: "535 5.7.8 no" } }, {}],
    ["that is refused for now", { script: { AUTH: "454 4.7.0 not now" } }, {}],
    ["at a host without AUTH", { extensions: SINK_EXTENSIONS }, {}],
    ["at a host with mechanisms that we do not know", { extensions: AUTH("GSSAPI SCRAM-SHA-1") }, {}],
    ["without a password file", {}, { password: null }],
    ["with an empty password", {}, { password: "\n" }],
    ["with a password file without end", {}, { password: "x".repeat(10_000) }],
  ] as const) {
    test(`${name} defers, and sends nothing`, async (t) => {
      const { sink, done } = await attempt(t, { tls: good, extensions: AUTH("PLAIN"), ...options }, extra);
      assert.deepEqual(done, [NO_LOGIN]);
      assert.ok(!sink.commands.some((command) => command.startsWith("MAIL")));
    });
  }

  test("reads the password anew each time", async (t) => {
    const { sink, passwordFile } = await attempt(t, { tls: good, extensions: AUTH("PLAIN") });
    await writeFile(passwordFile, "another\r\nthing\n");
    const transport = transportFor(t, { trusted: good.certificate });
    const hop = hopTo(sink, { name: NAME, tls: "must", login: { username: "user", passwordFile } });
    assert.deepEqual(dispositions(await transport.send(hop, transaction(), NEVER)), [DELIVERED]);
    const plain = sink.commands.filter((command) => command.startsWith("AUTH PLAIN ")).at(-1) ?? "";
    assert.equal(Buffer.from(plain.slice(11), "base64").toString(), "\0user\0another");
  });
});
