/**
 * Getting a new password from a person, at the terminal without echo, or from a script, on standard input. Never from an
 * argument, where other users of the machine could read it.
 */
import { createInterface, type Interface } from "node:readline/promises";
import { Writable } from "node:stream";
import { PASSWORD_OCTETS_MAX } from "../../shared/accounts/authenticator.js";
import { EXIT, ExitError } from "../../shared/exit.js";
import { prepareStored } from "../../shared/sasl/saslprep.js";

export interface PasswordOption {
  readonly "password-stdin": boolean;
}

export const PASSWORD_OPTION = {
  "password-stdin": {
    type: "boolean",
    default: false,
    describe: "Take the password from the first line of standard input",
  },
} as const;

/**
 * The password to store, prepared by SASLprep. Throws an ExitError (64) when none can be had, when it cannot be one, or when the person types two
 * that differ.
 * @param fromStdin take the first line of standard input, without its line end
 */
export async function readNewPassword(fromStdin: boolean): Promise<string> {
  if (fromStdin) return checked(await firstLine(process.stdin));
  if (!process.stdin.isTTY) {
    throw new ExitError(EXIT.usage, "there is no terminal to ask for a password; use --password-stdin");
  }
  const [password, again] = await askHidden(["Password: ", "Once more: "]);
  if (password !== again) throw new ExitError(EXIT.usage, "the passwords differ; nothing was changed");
  return checked(password ?? "");
}

function checked(password: string): string {
  const refuse = (why: string) => new ExitError(EXIT.usage, `the password ${why}; nothing was changed`);
  if (password === "") throw refuse("is empty");
  if (/[\0\r\n]/.test(password))
    throw refuse("holds a NUL or an end of line, which no mail program can send");
  const prepared = prepareStored(password);
  if (prepared === undefined)
    throw refuse("holds characters, or an order of them, that passwords must not have (SASLprep, RFC 4013)");
  for (const form of [password, prepared]) {
    if (Buffer.byteLength(form) > PASSWORD_OCTETS_MAX)
      throw refuse(`is longer than ${PASSWORD_OCTETS_MAX} octets`);
  }
  return prepared;
}

/** The octets up to the first line end, as UTF-8; the rest is not read. */
async function firstLine(input: AsyncIterable<Buffer | string>): Promise<string> {
  let octets = Buffer.alloc(0);
  for await (const chunk of input) {
    octets = Buffer.concat([octets, Buffer.from(chunk)]);
    // Two octets of a line end more than a password may have: whatever follows, it is too long.
    if (octets.includes("\n") || octets.length > PASSWORD_OCTETS_MAX + 2) break;
  }
  const end = octets.indexOf("\n");
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    return text.decode(end < 0 ? octets : octets.subarray(0, end)).replace(/\r$/, "");
  } catch {
    throw new ExitError(EXIT.usage, "the password is not UTF-8; nothing was changed");
  }
}

/** Asks question after question on the terminal; the answers are not shown. */
async function askHidden(questions: readonly string[]): Promise<string[]> {
  // In terminal mode readline reads key by key and does the echo itself: into nothing, here.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({ input: process.stdin, output: nowhere, terminal: true, historySize: 0 });
  try {
    const answers = [];
    for (const question of questions) answers.push(await ask(terminal, question));
    return answers;
  } finally {
    terminal.close();
  }
}

async function ask(terminal: Interface, question: string): Promise<string> {
  const gone = new AbortController();
  // Ctrl-C ends the program as it would any other, once the terminal is as it was.
  terminal.once("SIGINT", () => {
    terminal.close();
    process.kill(process.pid, "SIGINT");
  });
  terminal.once("close", () => gone.abort());
  process.stderr.write(question);
  try {
    return await terminal.question("", { signal: gone.signal });
  } catch {
    throw new ExitError(EXIT.usage, "no password was given; nothing was changed");
  } finally {
    process.stderr.write("\n");
  }
}
