/**
 * Another program at work on a Maildir, as a process of its own: renames its messages as fast as it can, from one set of
 * flags to another and between new/ and cur/, until its parent disconnects or it has done 2,000,000 renames. That others
 * may do the same, or remove messages, does not disturb it.
 *
 *     fork("renamer.js", [maildirPath])        sends "started" after its first round
 */
import { readdirSync, renameSync } from "node:fs";
import { hasCode } from "../../shared/exit.js";

const RENAMES_MAX = 2_000_000;
const FLAGS = ["", "S", "FS", "RS", "T"];
const FOLDERS = ["cur", "cur", "new"] as const;

const [, , maildir] = process.argv;
let connected = true;
process.on("disconnect", () => {
  connected = false;
});

let renames = 0;
function round(): void {
  for (const folder of ["new", "cur"]) {
    for (const name of readdirSync(`${maildir}/${folder}`)) {
      const [base] = name.split(":");
      const flags = FLAGS[renames % FLAGS.length];
      const to = FOLDERS[renames % FOLDERS.length];
      try {
        renameSync(`${maildir}/${folder}/${name}`, `${maildir}/${to}/${base}:2,${flags}`);
      } catch (error) {
        if (!hasCode(error, "ENOENT")) throw error;
      }
      renames++;
    }
  }
  if (renames < RENAMES_MAX && connected) setImmediate(round);
}

round();
process.send?.("started");
