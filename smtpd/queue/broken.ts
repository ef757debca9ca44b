/**
 * The folder broken/ of the queue: what is strange is put there and logged, and never removed by us. A message's envelope and
 * its octets lie there side by side, under the names that they had; where a name is taken, the later has more after it.
 *
 * Nothing that lies there is looked at again. Whoever has mended an envelope moves the message back into new/ and then the
 * envelope into envelope/.
 */
import { lstat } from "node:fs/promises";
import type { Durable, Path } from "../../shared/durable.js";
import { hasCode } from "../../shared/exit.js";
import { pathOf } from "../../shared/maildir/name.js";

export class BrokenFolder {
  readonly #path: string;
  readonly #durable: Durable;
  readonly #uniqueName: () => string;

  constructor(path: string, durable: Durable, uniqueName: () => string) {
    this.#path = path;
    this.#durable = durable;
    this.#uniqueName = uniqueName;
  }

  /**
   * Moves something here, whatever it is; durable when it resolves, to whether it was still there.
   * @param name to be had here, latin1
   */
  async take(from: Path, name: string): Promise<boolean> {
    const to = pathOf(this.#path, name);
    try {
      await this.#durable.publish(from, (await isTaken(to)) ? pathOf(this.#path, this.#next(name)) : to);
    } catch (error) {
      if (hasCode(error, "ENOENT")) return false;
      throw error;
    }
    await this.#durable.syncDirectory(this.#path);
    return true;
  }

  #next(name: string): string {
    return `${name.slice(0, NAME_OCTETS_KEPT)}.${this.#uniqueName()}`;
  }
}

/** Of the 255 octets of a file name, what a unique name leaves. */
const NAME_OCTETS_KEPT = 64;

async function isTaken(path: Path): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return false;
    throw error;
  }
}
