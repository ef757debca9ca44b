/** Standard output of a command that may have very much to say, or a reader who has seen enough. */
import { once } from "node:events";
import { EXIT, hasCode } from "../../shared/exit.js";

/** Writes text, and waits while whoever reads it is slow. A reader who has left ends the program, as SIGPIPE would. */
export async function print(text: string | Buffer): Promise<void> {
  if (process.stdout.listenerCount("error") === 0) process.stdout.on("error", leave);
  if (!process.stdout.write(text)) await once(process.stdout, "drain");
}

function leave(error: Error): void {
  if (hasCode(error, "EPIPE")) process.exit(EXIT.ok);
  throw error;
}
