/** What a client is told about trouble of ours (RFC 3206 §4). Pure. What it was is for the log. */
import { hasCode } from "../shared/exit.js";
import type { Trouble } from "./protocol.js";

/** These pass only when somebody sees to owners, modes and directories. */
const PERMANENT_CODES = ["EACCES", "EPERM", "ENOTDIR", "ELOOP"];

/** Whatever we did not foresee is temporary. */
export function troubleOf(error: unknown): Trouble {
  return hasCode(error, ...PERMANENT_CODES) ? "permanent" : "temporary";
}
