/** Asking a person on the terminal before something is gone for good. */
import { once } from "node:events";
import { createInterface } from "node:readline/promises";
import { EXIT, ExitError } from "../../shared/exit.js";

/** Asks for a yes on the terminal; anything else is a no. Throws an ExitError (64) when there is no terminal; `otherwise` is then to be used. */
export async function confirm(question: string, otherwise: string): Promise<boolean> {
  if (!process.stdin.isTTY)
    throw new ExitError(EXIT.usage, `there is no terminal to ask on; use ${otherwise}`);
  // Not in terminal mode: the system's own line editing and its Ctrl-C are all that is needed.
  const terminal = createInterface({ input: process.stdin, output: process.stderr, terminal: false });
  try {
    const ended = once(terminal, "close").then(() => "");
    const answer = await Promise.race([terminal.question(`${question} [y/N] `), ended]);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    terminal.close();
  }
}
