/**
 * The thread in which passwords are checked, one after the other. It holds nothing between two checks, so it may be
 * ended at any moment. Its other end is check-pool.ts.
 */
import { parentPort } from "node:worker_threads";
import { readStoredPassword } from "./schemes.js";

/** One check: does this password fit this password field of the accounts file? */
export interface CheckRequest {
  readonly stored: string;
  readonly password: string;
}

/** Whether it does, or why nobody can say. */
export type CheckResult =
  | { readonly kind: "checked"; readonly fits: boolean }
  | { readonly kind: "failed"; readonly why: string };

parentPort?.on("message", async (request: CheckRequest) => {
  parentPort?.postMessage(await check(request));
});

async function check({ stored, password }: CheckRequest): Promise<CheckResult> {
  try {
    const read = readStoredPassword(stored);
    if (read.kind !== "credential") return { kind: "failed", why: `a password field is ${read.kind}` };
    return { kind: "checked", fits: await read.credential.verify(Buffer.from(password)) };
  } catch (error) {
    return { kind: "failed", why: error instanceof Error ? error.message : String(error) };
  }
}
