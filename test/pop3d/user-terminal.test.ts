/** `pop3d user` at a terminal: it asks without showing what is typed, and asks before mail is gone. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { afterEach, beforeEach, describe, test } from "node:test";
import { programOf } from "../daemons/daemon.js";
import { findPeer, without } from "../peers.js";
import { UserSite } from "./user-site.js";

let site: UserSite;
beforeEach(async () => {
  site = await UserSite.make();
});
afterEach(() => site.remove());

describe("at a terminal", { skip: without("python3") }, () => {
  for (const [what, answers, expected] of [
    ["the same password twice", ["qä zz ", "qä zz "], 0],
    ["with a letter corrected", ["qä zz x\x7f", "qä zz "], 0],
    ["two that differ", ["qä zz ", "qä zz"], 64],
    ["an empty one", ["", ""], 64],
    ["the end of input", ["\x04"], 64],
    ["Ctrl-C", ["\x03"], "SIGINT"],
  ] as const) {
    test(`asks for ${what}, and shows none of it`, async () => {
      const { outcome, shown } = await atTerminal(answers, ["add", "alice"]);
      assert.equal(outcome, expected, shown);
      assert.ok(!shown.includes("ä"), shown);
      if (expected === 0) assert.equal(await site.canLogIn("alice", "qä zz "), true);
      else assert.ok(!(await readdir(site.directory)).includes("users"));
    });
  }

  for (const [answer, expected] of [
    ["y", 0],
    ["n", 64],
    ["", 64],
    ["\x04", 64],
  ] as const) {
    test(`asks before it deletes mail: ${JSON.stringify(answer)}`, async () => {
      await site.add("alice");
      const { outcome } = await atTerminal([answer], ["remove", "alice", "--delete-mail"]);
      assert.equal(outcome, expected);
      assert.deepEqual(await readdir(site.home(".")), expected === 0 ? [] : ["alice"]);
    });
  }
});

/**
 * Runs the command on a terminal of its own, gives one answer for each line that ends without a newline, and tells what the
 * terminal showed and how the program ended.
 */
async function atTerminal(
  answers: readonly string[],
  args: readonly string[],
): Promise<{ outcome: number | string; shown: string }> {
  const program = [process.execPath, programOf("pop3d"), "user", ...args];
  program.push("--config", site.configFile);
  const child = spawn(findPeer("python3") ?? "", ["-c", TERMINAL, JSON.stringify(answers), ...program], {
    timeout: 30_000,
  });
  let output = "";
  child.stdout.on("data", (data) => {
    output += data;
  });
  child.stderr.pipe(process.stderr);
  await once(child, "close");
  const { status, shown } = JSON.parse(output);
  return { outcome: status < 0 ? (status === -2 ? "SIGINT" : `signal ${-status}`) : status, shown };
}

const TERMINAL = `
import json, os, pty, subprocess, sys
answers, command = json.loads(sys.argv[1]), sys.argv[2:]
ours, theirs = pty.openpty()
child = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
os.close(theirs)
shown = b""
while True:
    try:
        octets = os.read(ours, 4096)
    except OSError:
        break
    if not octets:
        break
    shown += octets
    if answers and shown.endswith(b" "):
        answer = answers.pop(0)
        os.write(ours, (answer if answer in ("\\x03", "\\x04") else answer + "\\r").encode())
print(json.dumps({"status": child.wait(), "shown": shown.decode()}))
`;
