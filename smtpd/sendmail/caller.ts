/** Who calls sendmail, to be asked before root becomes somebody else. */
import { userInfo } from "node:os";

export interface Caller {
  readonly uid: number;
  /** As the system has it. */
  readonly name: string;
}

export function caller(): Caller {
  const uid = process.getuid?.() ?? 0;
  try {
    return { uid, name: userInfo().username };
  } catch {
    // A user id that no user has, as in a container.
    return { uid, name: `uid-${uid}` };
  }
}
