/**
 * The folder control/ of the queue, and the small files in it (control-request.ts). Nothing here is synced: a request that is
 * lost with the machine was never done, and whoever asked is gone as well.
 */
import type { Durable } from "../../shared/durable.js";
import { hasCode } from "../../shared/exit.js";
import type { Maildir } from "../../shared/maildir/maildir.js";
import { CONTROL_OCTETS_MAX } from "./control-request.js";
import { readNow } from "./read-now.js";

export class ControlFolder {
  readonly path: string;
  readonly #tmp: string;
  readonly #durable: Durable;

  /** @param queue its tmp/ is where files are written */
  constructor(queue: Maildir, durable: Durable) {
    this.path = `${queue.path}/control`;
    this.#tmp = queue.tmp;
    this.#durable = durable;
  }

  /** Puts a file there by a rename, so that nobody sees half of it. */
  async write(name: string, text: string): Promise<void> {
    const temporary = `${this.#tmp}/${name}`;
    const file = await this.#durable.create(temporary);
    try {
      await file.write(Buffer.from(text)).finally(() => file.close());
      await this.#durable.publish(temporary, `${this.path}/${name}`);
    } catch (error) {
      await this.#durable.remove(temporary).catch(() => {});
      throw error;
    }
  }

  /** The octets of a file there; undefined when it is gone, is no plain file, or is larger than any of ours. */
  read(name: string): Buffer | undefined {
    const read = readNow(`${this.path}/${name}`, CONTROL_OCTETS_MAX);
    return read.kind === "octets" ? read.octets : undefined;
  }

  /** Removes a file there; false when there was none, so that of two who try exactly one succeeds. */
  async remove(name: string): Promise<boolean> {
    try {
      await this.#durable.remove(`${this.path}/${name}`);
      return true;
    } catch (error) {
      if (hasCode(error, "ENOENT")) return false;
      throw error;
    }
  }
}
