import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { stat } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { type TestContext, test } from "node:test";
import { bind } from "../../shared/bind.js";
import { EXIT, ExitError } from "../../shared/exit.js";
import { type ListenAddress, parseListenAddress } from "../../shared/listen-address.js";
import { temporaryDirectory } from "../temporary-directory.js";

test("the port of port 0 is told", async (t) => {
  assert.match(await bind(server(t), address("127.0.0.1:0")), /^127\.0\.0\.1:[1-9]\d*$/);
});

test("a taken port is a temporary failure that names the address", async (t) => {
  const taken = await bind(server(t), address("127.0.0.1:0"));
  await assert.rejects(bind(server(t), address(taken)), exits(EXIT.temporary, taken));
});

test("an address of another host is a mistake of the configuration", async (t) => {
  await assert.rejects(
    bind(server(t), address("192.0.2.1:2110")),
    exits(EXIT.configuration, "192.0.2.1:2110"),
  );
});

test("a socket file that a dead process left is replaced, one that is served is not", async (t) => {
  const path = `${await temporaryDirectory(t)}/pop3.sock`;
  const unix = address(`unix:${path}`);
  await leaveSocketBehind(path);
  assert.ok((await stat(path)).isSocket());
  assert.equal(await bind(server(t), unix), `unix:${path}`);
  await assert.rejects(bind(server(t), unix), exits(EXIT.temporary, path));
});

test("a directory that does not exist is told of with the address", async (t) => {
  await assert.rejects(
    bind(server(t), address("unix:/no/where/x.sock")),
    exits(EXIT.permission, "/no/where/x.sock"),
  );
});

function server(t: TestContext): Server {
  const made = createServer();
  t.after(() => made.close());
  return made;
}

function address(text: string): ListenAddress {
  const parsed = parseListenAddress(text);
  assert.ok(parsed);
  return parsed;
}

function exits(code: number, named: string): (error: unknown) => boolean {
  return (error) => error instanceof ExitError && error.exitCode === code && error.message.includes(named);
}

/** As a process does that is killed. */
async function leaveSocketBehind(path: string): Promise<void> {
  const script = `require("node:net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`;
  const child = spawn(process.execPath, ["-e", script]);
  await new Promise((resolve) => child.once("close", resolve));
}
