/** mutt, which opens the Maildir, reads, flags, deletes and synchronizes; and a program that does nothing but rename. */
import { spawn } from "node:child_process";
import { readdir, rename } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { hasCode } from "../../shared/exit.js";
import { asNobody } from "../nobody.js";
import { MESSAGES_MIN, type Work } from "./work.js";

const SETTINGS = "mbox_type=Maildir quit=yes move=no wait_key=no delete=yes prompt_after=no pager=cat";
const RENAMED_AT_ONCE = 3;
const RUNNING_MS_MAX = 20_000;
/** How often it is told to quit, should it have missed that. */
const QUITTING_MS = 500;

/** One mutt after the other. */
export async function readByMutt(work: Work): Promise<void> {
  const { directory, maildir, ledger, random, tally } = work;
  while (work.goOn()) {
    const keys = [
      "<first-entry>",
      "<flag-message>",
      "<next-entry><toggle-new>",
      "<last-entry><flag-message>",
    ];
    const [victim] = ledger.certain.size > MESSAGES_MIN ? random.some([...ledger.certain.keys()], 1) : [];
    if (victim !== undefined) {
      ledger.mayBeRemoved(victim, "mutt");
      keys.push(`<delete-pattern>~s ${victim}<enter>`);
    }
    const mutt = ["mutt", "-n", "-F", "/dev/null", "-e", `set folder=${maildir.path} ${SETTINGS}`];
    mutt.push("-f", maildir.path, "-e", `push "${keys.join("")}<sync-mailbox><quit>"`);
    const quoted = mutt.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
    const code = await atTerminal(quoted, directory);
    if (code === 0) tally.did("mutt", keys.length + 1);
    else tally.refused("mutt");
  }
}

/** Runs mutt on a terminal, which script(1) gives it. When a key comes to nothing, it forgets those after it. */
async function atTerminal(command: string, home: string): Promise<number | null> {
  const [program, ...args] = asNobody(["script", "--quiet", "--return", "--command", command, "/dev/null"]);
  const child = spawn(program, args, {
    stdio: ["pipe", "ignore", "ignore"],
    timeout: RUNNING_MS_MAX,
    killSignal: "SIGKILL",
    env: { ...process.env, TERM: "xterm", HOME: home },
  });
  child.stdin.on("error", () => {});
  const impatience = setInterval(() => child.stdin.write("q"), QUITTING_MS);
  try {
    return await new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", resolve);
    });
  } finally {
    clearInterval(impatience);
  }
}

/** Changes flags and takes messages to new/ and back, as fast as others do, and a little faster. */
export async function renameAlong(work: Work): Promise<void> {
  const { maildir, random, tally } = work;
  while (work.goOn()) {
    for (const folder of ["new", "cur"] as const) {
      const names = await readdir(maildir[folder], "latin1");
      for (const name of random.some(names, RENAMED_AT_ONCE)) {
        const [base = "", flags = ""] = name.split(":2,");
        // T is left alone: whoever set it means to expunge the message, and others may do it for him.
        const letter = random.pick(["F", "P", "R", "S"]) ?? "";
        const others = [...flags].filter((flag) => flag !== letter);
        const changed = [...others, ...(others.length < flags.length ? [] : [letter])].sort().join("");
        const target = random.chance(0.2) ? maildir.new : maildir.cur;
        try {
          await rename(`${maildir[folder]}/${name}`, `${target}/${base}:2,${changed}`);
          tally.did("renamer");
        } catch (error) {
          if (!hasCode(error, "ENOENT")) throw error;
          tally.refused("renamer");
        }
      }
    }
    await sleep(random.below(40));
  }
}
