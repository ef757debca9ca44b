/**
 * Changing the text of an accounts file: one line at a time, every other line kept octet for octet, with its order, its
 * comments and its line ends. Pure.
 *
 * Lines are found by their first field alone, so that a file with mistakes in it can be mended by the same commands.
 */
import { formatEntry, readEntry } from "./entry.js";
import { addressOfUser } from "./username.js";

/** A password field may hold anything but what ends it. */
export function addEntry(file: Buffer, address: string, password: string): Buffer {
  const endsInMiddleOfLine = file.length > 0 && file.at(-1) !== LF;
  return Buffer.concat([
    file,
    Buffer.from(`${endsInMiddleOfLine ? "\n" : ""}${formatEntry(address, password)}\n`),
  ]);
}

/** Gives an account another password field. Undefined when it is not in the file. */
export function changePassword(
  file: Buffer,
  address: string,
  password: string,
  defaultDomain: string,
): Buffer | undefined {
  return mapEntry(file, address, defaultDomain, (line) => {
    const [, user = "", rest = ""] = /^([^:\r\n]*)(?::[^:\r\n]*)?(.*)$/s.exec(line) ?? [];
    return `${user}:${password}${rest}`;
  });
}

/** Takes an account out. Undefined when it is not in the file. */
export function removeEntry(file: Buffer, address: string, defaultDomain: string): Buffer | undefined {
  return mapEntry(file, address, defaultDomain, () => "");
}

/** Whether the file has an entry for this address. */
export function hasEntry(file: Buffer, address: string, defaultDomain: string): boolean {
  return mapEntry(file, address, defaultDomain, (line) => line) !== undefined;
}

const LF = 0x0a;

/**
 * Applies `change` to the lines of an address; there may be two where somebody made a mistake. Lines are held as latin1,
 * which gives every octet back as it was.
 */
function mapEntry(
  file: Buffer,
  address: string,
  defaultDomain: string,
  change: (line: string) => string,
): Buffer | undefined {
  let found = false;
  const lines = file.toString("latin1").split(/(?<=\n)/);
  const changed = lines.map((line, index) => {
    const entry = readEntry(Buffer.from(line, "latin1").toString(), index + 1);
    if (entry === undefined || addressOfUser(entry.user, defaultDomain) !== address) return line;
    found = true;
    return change(line);
  });
  return found ? Buffer.from(changed.join(""), "latin1") : undefined;
}
