/**
 * The directories of the queue, and who may do what in them.
 *
 * | directory                    | mode | why                                                                              |
 * |------------------------------|------|----------------------------------------------------------------------------------|
 * | `queue/`                     | 2750 | members of its group may reach what is below it                                    |
 * | `tmp/ new/ envelope/`        | 3770 | they may place mail (`smtpd sendmail`), and remove none of others' (sticky)          |
 * | `cur/ broken/ control/`      | 0700 | only smtpd's user puts anything there; who may send mail may not remove that of others |
 *
 * What is put there belongs to the directory's group (setgid), so that smtpd can read a file of mode 0640 whoever made it;
 * as the owner of the directories it may rename and remove it. Other members can read it, too, while it waits. To let nobody but
 * smtpd place mail, take the group's rights away: the modes of directories that exist are never changed. Errors are the
 * system's.
 */
import { chmod, stat } from "node:fs/promises";
import type { Durable } from "../../shared/durable.js";
import { hasCode } from "../../shared/exit.js";
import { makeDirectory } from "../../shared/maildir/create.js";
import { type Maildir, maildirAt } from "../../shared/maildir/maildir.js";

export interface QueueFolders {
  readonly maildir: Maildir;
  readonly envelope: string;
  readonly broken: string;
  readonly control: string;
}

const OF_DIRECTORIES_ABOVE = 0o755;
const OF_QUEUE = 0o2750;
const FOR_SUBMISSION = 0o3770;
const FOR_SMTPD = 0o700;

export function foldersAt(path: string): QueueFolders {
  return {
    maildir: maildirAt(path),
    envelope: `${path}/envelope`,
    broken: `${path}/broken`,
    control: `${path}/control`,
  };
}

/** Makes what is missing of a queue, and syncs it. tmp/ comes last: whoever finds it may rely on the others. */
export async function makeFolders(folders: QueueFolders, durable: Durable): Promise<void> {
  const { maildir, envelope, broken, control } = folders;
  const wanted: readonly (readonly [string, number])[] = [
    [maildir.path, OF_QUEUE],
    [maildir.cur, FOR_SMTPD],
    [broken, FOR_SMTPD],
    [maildir.new, FOR_SUBMISSION],
    [envelope, FOR_SUBMISSION],
    [control, FOR_SMTPD],
    [maildir.tmp, FOR_SUBMISSION],
  ];
  for (const [path, mode] of wanted) {
    if (await exists(path)) continue;
    // Neither setgid nor what the umask takes away can be had from mkdir(2).
    if (await makeDirectory(path, durable, OF_DIRECTORIES_ABOVE & mode)) await chmod(path, mode);
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return false;
    throw error;
  }
}
