/**
 * The real Durable on real files, which writes down what it is asked for and fails where it is told to.
 *
 *     const durable = new FailingDurable(failAtStep(3, "ENOSPC"));
 *
 * A failing write leaves half of its octets behind, and a failing close closes all the same, as a disk's do.
 */
import { basename, dirname } from "node:path";
import { type Durable, type DurableFile, FsyncDurable, type Path } from "../../shared/durable.js";

/** One call: `sync`, or with the folder that it is about, `publish new`. */
export type Step =
  `${"create" | "write" | "sync" | "close" | "publish" | "remove" | "syncDirectory"}${string}`;

/** The errno name with which a call fails; undefined lets it succeed. */
export type FailureOf = (step: Step, index: number) => string | undefined;

export function failAtStep(n: number, code: string): FailureOf {
  return (_, index) => (index === n ? code : undefined);
}

export class FailingDurable implements Durable {
  /** Every step as it began, and `<step> done` when it had succeeded. */
  readonly history: string[] = [];
  readonly #real = new FsyncDurable();
  readonly #failureOf: FailureOf;
  #steps = 0;
  #failures = 0;

  constructor(failureOf: FailureOf = () => undefined) {
    this.#failureOf = failureOf;
  }

  /** How many calls have failed on purpose. */
  get failures(): number {
    return this.#failures;
  }

  /** How many calls there have been. */
  get steps(): number {
    return this.#steps;
  }

  async create(path: Path): Promise<DurableFile> {
    const file = await this.#step(`create ${folderOf(path)}`, () => this.#real.create(path));
    return {
      write: (octets) =>
        this.#step(
          "write",
          () => file.write(octets),
          () => file.write(octets.subarray(0, octets.length / 2)),
        ),
      sync: () => this.#step("sync", () => file.sync()),
      close: () =>
        this.#step(
          "close",
          () => file.close(),
          () => file.close(),
        ),
    };
  }

  publish(from: Path, to: Path): Promise<void> {
    return this.#step(`publish ${folderOf(to)}`, () => this.#real.publish(from, to));
  }

  remove(path: Path): Promise<void> {
    return this.#step(`remove ${folderOf(path)}`, () => this.#real.remove(path));
  }

  syncDirectory(directory: string): Promise<void> {
    return this.#step(`syncDirectory ${basename(directory)}`, () => this.#real.syncDirectory(directory));
  }

  async #step<T>(
    step: Step,
    succeed: () => Promise<T>,
    beforeFailing: () => Promise<void> = async () => {},
  ): Promise<T> {
    this.history.push(step);
    const code = this.#failureOf(step, this.#steps++);
    if (code !== undefined) {
      this.#failures++;
      await beforeFailing();
      throw Object.assign(new Error(`${step} fails on purpose`), { code, syscall: step });
    }
    const result = await succeed();
    this.history.push(`${step} done`);
    return result;
  }
}

function folderOf(path: Path): string {
  return basename(dirname(path.toString("latin1")));
}
