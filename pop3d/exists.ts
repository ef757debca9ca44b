/** Whether there is anything at a path. */
import { lstat } from "node:fs/promises";
import type { Path } from "../shared/durable.js";
import { hasCode } from "../shared/exit.js";

/** True for whatever lies there, a dangling link as well. Rejects when it cannot be told. */
export async function exists(path: Path): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return false;
    throw error;
  }
}
