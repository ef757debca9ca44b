/**
 * A checkpassword program that behaves as the password says. "good" is good for anyone, and HOME is /home/NAME; other words
 * make trouble, and anything else is wrong. The process ids of those that it leaves running go to the file that its first
 * argument names, and so does each login that it checks.
 */
import { spawn, spawnSync } from "node:child_process";
import { appendFileSync, closeSync, readFileSync, writeSync } from "node:fs";

const [, , notes = "", program = "", ...args] = process.argv;

function succeed(name: string, env: NodeJS.ProcessEnv = {}): never {
  const home = { USER: name, HOME: `/home/${name}`, SHELL: "/bin/sh" };
  const { status } = spawnSync(program, args, { stdio: "inherit", env: { ...process.env, ...home, ...env } });
  process.exit(status ?? 111);
}

/** Starts one that holds our output open; whether it stays in our process group. */
function leaveBehind(detached: boolean): void {
  const child = spawn(process.execPath, ["-e", "setTimeout(() => {}, 30_000)"], {
    stdio: "inherit",
    detached,
  });
  child.unref();
  appendFileSync(notes, `left ${child.pid}\n`);
}

function flood(descriptor: number, octets: number): void {
  const piece = Buffer.alloc(4096, "x");
  for (let sent = 0; sent < octets; sent += piece.length) {
    try {
      writeSync(descriptor, piece);
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "EAGAIN") continue;
      throw error;
    }
  }
}

if (notes.endsWith("-closed")) {
  closeSync(3);
  process.exit(1);
}

const input = readFileSync(3);
const [name = "", password = "", timestamp, ...rest] = input.toString().split("\0");
appendFileSync(notes, `checked ${name} ${Object.keys(process.env).join()}\n`);
if (timestamp === undefined || rest.length !== 1 || input.length > 512) process.exit(2);

switch (password) {
  case "good":
    succeed(name);
    break;
  case "homeless":
    succeed(name, { HOME: "home" });
    break;
  case "believe me":
    process.stdout.write(`USER=${name}\0HOME=/home/${name}\0PILLARBOX_CHECKED=yes\0`);
    break;
  case "hang":
    leaveBehind(false);
    setTimeout(() => {}, 30_000);
    break;
  case "flood":
    flood(1, 1e9);
    break;
  case "complain":
    flood(2, 1e6);
    succeed(name);
    break;
  case "grandchild":
    leaveBehind(false);
    succeed(name);
    break;
  case "runaway":
    leaveBehind(true);
    succeed(name);
    break;
  case "killed":
    process.kill(process.pid, "SIGKILL");
    break;
  case "misused":
    process.exit(2);
    break;
  case "temporary":
    process.exit(111);
    break;
  case "strange":
    process.exit(77);
    break;
  default:
    process.exit(1);
}
