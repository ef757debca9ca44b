/** Requests to a running smtpd: their text, and the two sides of control/ with each other. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { FsyncDurable } from "../../../shared/durable.js";
import { openLog } from "../../../shared/log.js";
import { maildirAt } from "../../../shared/maildir/maildir.js";
import { ask } from "../../../smtpd/queue/ask.js";
import { ControlDesk } from "../../../smtpd/queue/control-desk.js";
import { ControlFolder } from "../../../smtpd/queue/control-folder.js";
import {
  type ControlCounts,
  type ControlRequest,
  formatRequest,
  formatResult,
  parseRequest,
  parseResult,
  requestIdOf,
  requestName,
} from "../../../smtpd/queue/control-request.js";

const ID = "01JDXK6M2W9QF0";
const DONE: ControlCounts = { kind: "done", selected: 3, changed: 2, recipients: 4, busy: 1 };
const REQUEST: Omit<ControlRequest, "until"> = { action: "flush", selection: { kind: "all" } };
const PATIENCE_MS = 20_000;
const HOLDER = { holder: async () => "smtpd" };
const PATIENCE = { takenUpMs: PATIENCE_MS, doneMs: PATIENCE_MS, ...HOLDER };

describe("the text of a request", () => {
  const matching = {
    kind: "matching",
    queueIds: [ID],
    recipients: ["bob@a.example"],
    domains: [],
    senders: [""],
  } as const;
  const request: ControlRequest = { action: "remove", selection: matching, until: 5 };

  test("is read as it was written", () => {
    for (const one of [request, { ...REQUEST, until: 0 }])
      assert.deepEqual(parseRequest(Buffer.from(formatRequest(one))), one);
    assert.deepEqual(parseResult(Buffer.from(formatResult(DONE))), DONE);
  });

  for (const [name, value] of [
    ["an action that is none", { ...request, action: "destroy" }],
    [
      "a selection of nothing in particular",
      { ...request, selection: { ...matching, queueIds: [], recipients: [], senders: [] } },
    ],
    ["a list that is missing", { ...request, selection: { kind: "matching", queueIds: [ID] } }],
    ["a queue id that is a path", { ...request, selection: { ...matching, queueIds: ["../../etc/x"] } }],
    [
      "an address that is not canonical",
      { ...request, selection: { ...matching, recipients: ["Bob@a.example"] } },
    ],
    ["a domain that is none", { ...request, selection: { ...matching, domains: ["a b"] } }],
    ["more than there should be", { ...request, also: 1 }],
    ["a time that is none", { ...request, until: "soon" }],
    ["no object", [request]],
  ] as const) {
    test(`is not understood: ${name}`, () => {
      assert.equal(parseRequest(Buffer.from(JSON.stringify(value))), undefined);
    });
  }

  test("is not understood: no JSON, and more of it than there may be", () => {
    assert.equal(parseRequest(Buffer.from("{")), undefined);
    assert.equal(parseRequest(Buffer.from(formatRequest(request).padEnd(1024 * 1024 + 1))), undefined);
  });

  test("is in a file that is named after it, and no other", () => {
    assert.equal(requestIdOf(requestName(ID)), ID);
    for (const name of [`${ID}.result`, `.${ID}.request`, "x.request", `${ID}.request.1`])
      assert.equal(requestIdOf(name), undefined);
  });
});

describe("asking", () => {
  let directory: string;
  let folder: ControlFolder;
  let asked: ControlRequest[];

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "pillarbox-control-"));
    for (const name of ["tmp", "control"]) await mkdir(join(directory, name));
    folder = new ControlFolder(maildirAt(directory), new FsyncDurable());
    asked = [];
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  function desk(administer: () => Promise<ControlCounts> = async () => DONE, now = Date.now) {
    const log = openLog("test", { level: "fatal", format: "json" });
    return new ControlDesk({
      folder,
      administer: (request) => {
        asked.push(request);
        return administer();
      },
      now,
      log,
    });
  }

  /** Lets the desk look until this is over. */
  async function whileServed<T>(one: ControlDesk, work: Promise<T>): Promise<T> {
    let over = false;
    const ended = work.finally(() => {
      over = true;
    });
    while (!over) {
      await one.scan();
      await new Promise((resolve) => setImmediate(resolve));
    }
    return ended;
  }

  async function files(): Promise<string[]> {
    return [...(await readdir(join(directory, "control"))), ...(await readdir(join(directory, "tmp")))];
  }

  test("is answered with what was done, and leaves nothing behind", async () => {
    assert.deepEqual(await whileServed(desk(), ask(folder, ID, REQUEST, PATIENCE)), DONE);
    assert.deepEqual(
      asked.map(({ action, selection }) => ({ action, selection })),
      [REQUEST],
    );
    assert.deepEqual(await files(), []);
  });

  test("is answered also when it cannot be done", async () => {
    const answer = await whileServed(
      desk(() => Promise.reject(new Error("/var/secret"))),
      ask(folder, ID, REQUEST, PATIENCE),
    );
    assert.equal(answer.kind, "refused");
    assert.doesNotMatch(JSON.stringify(answer), /secret/);
  });

  test("is withdrawn when nobody takes it up, and then nobody can", async () => {
    assert.deepEqual(await ask(folder, ID, REQUEST, { takenUpMs: 1, doneMs: PATIENCE_MS, ...HOLDER }), {
      kind: "withdrawn",
    });
    await desk().scan();
    assert.deepEqual(asked, []);
    assert.deepEqual(await files(), []);
  });

  test("is unanswered when it was taken up and nothing came of it yet", async () => {
    const stuck = desk(() => new Promise(() => {}));
    const waiting = ask(folder, ID, REQUEST, { takenUpMs: 1000, doneMs: 1, ...HOLDER });
    while (asked.length === 0) {
      void stuck.scan();
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.deepEqual(await waiting, { kind: "unanswered" });
  });

  test("is abandoned when whoever took it up has ended, or another is in its place", async () => {
    for (const [n, next] of [undefined, "another smtpd"].entries()) {
      let holder: string | undefined = "smtpd";
      const stuck = desk(async () => {
        holder = next;
        return new Promise(() => {});
      });
      const patience = { takenUpMs: 1000, doneMs: PATIENCE_MS, holder: async () => holder };
      const waiting = ask(folder, ID, REQUEST, patience);
      while (asked.length <= n) {
        void stuck.scan();
        await new Promise((resolve) => setImmediate(resolve));
      }
      assert.deepEqual(await waiting, { kind: "abandoned" });
    }
  });

  test("does nothing once its time is over, or when it is not understood", async () => {
    await folder.write(requestName(ID), formatRequest({ ...REQUEST, until: 1 }));
    await folder.write(requestName("01JDXK6M2W9QF1"), '{"action":"flush"}');
    await writeFile(
      join(directory, "elsewhere"),
      formatRequest({ ...REQUEST, until: Date.now() + PATIENCE_MS }),
    );
    await symlink(join(directory, "elsewhere"), join(directory, "control", requestName("01JDXK6M2W9QF2")));
    await desk().scan();
    assert.deepEqual(asked, []);
    assert.deepEqual(await files(), []);
  });

  test("a result that nobody fetches goes after an hour, and no file of others", async () => {
    await folder.write(`${ID}.result`, formatResult(DONE));
    await folder.write("note", "");
    await desk().scan();
    assert.deepEqual((await files()).sort(), [`${ID}.result`, "note"]);
    await utimes(join(directory, "control", `${ID}.result`), 1, 1);
    await desk().scan();
    assert.deepEqual(await files(), ["note"]);
  });

  test("what is asked while another request is done is taken up as well", async () => {
    await folder.write(requestName(ID), formatRequest({ ...REQUEST, until: Date.now() + PATIENCE_MS }));
    let finish = () => {};
    const one = desk(() => new Promise((resolve) => (finish = () => resolve(DONE))));
    const scanning = one.scan();
    while (asked.length < 1) await new Promise((resolve) => setImmediate(resolve));
    await folder.write(
      requestName("01JDXK6M2W9QF1"),
      formatRequest({ ...REQUEST, until: Date.now() + PATIENCE_MS }),
    );
    void one.scan();
    finish();
    while (asked.length < 2) await new Promise((resolve) => setImmediate(resolve));
    finish();
    await scanning;
  });
});
