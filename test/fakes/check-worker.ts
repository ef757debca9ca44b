/**
 * A thread of a password pool that misbehaves as the password says: `hang`, `throw`, `exit`, `fail`. Any other password fits
 * when it is the stored one.
 */
import { parentPort } from "node:worker_threads";
import type { CheckRequest, CheckResult } from "../../shared/accounts/check-worker.js";

parentPort?.on("message", ({ stored, password }: CheckRequest) => {
  const answer = (result: CheckResult) => parentPort?.postMessage(result);
  switch (password) {
    case "hang":
      return;
    case "throw":
      throw new Error("as the test wants it");
    case "exit":
      process.exit(0);
      return;
    case "fail":
      return answer({ kind: "failed", why: "as the test wants it" });
    default:
      return answer({ kind: "checked", fits: password === stored });
  }
});
