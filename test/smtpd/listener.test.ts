/** Where smtpd listens, and what becomes of an address that it cannot have. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { EXIT, ExitError } from "../../shared/exit.js";
import { parseListenAddress } from "../../shared/listen-address.js";
import { PASSWORD } from "../fakes/receiver.js";
import { startListener } from "../fakes/smtp-listener.js";
import { temporaryDirectory } from "../temporary-directory.js";

test("port 0 becomes the port that it got", async () => {
  const listener = await startListener();
  assert.match(listener.address, /^127\.0\.0\.1:[1-9]\d*$/);
  await listener.stop();
});

test("a taken port is a temporary error that names it", async () => {
  const first = await startListener();
  const address = parseListenAddress(first.address);
  await assert.rejects(
    startListener({ listener: { ...(address && { address }) } }),
    (error) =>
      error instanceof ExitError &&
      error.exitCode === EXIT.temporary &&
      error.message.includes(first.address),
  );
  await first.stop();
});

test("a Unix socket serves, and counts as this host", async (t) => {
  const path = join(await temporaryDirectory(t), "smtp.sock");
  const listener = await startListener({
    listener: { address: { kind: "unix", path }, role: "submission", allow_plaintext_auth: "loopback" },
  });
  assert.equal(listener.address, `unix:${path}`);
  const socket = connect({ path });
  const login = `AUTH PLAIN ${Buffer.from(`\0alice\0${PASSWORD}`).toString("base64")}`;
  socket.write(`EHLO client.example\r\n${login}\r\nQUIT\r\n`);
  let said = "";
  socket.on("data", (chunk) => {
    said += chunk;
  });
  await once(socket, "end");
  assert.match(said, /^220 .*^235 2\.7\.0 .*^221 2\.0\.0 /ms);
  await listener.stop();
  assert.equal(listener.receiver.loginsTried.length, 1);
});
