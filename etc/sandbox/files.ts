/** Small files of the sandbox, written whole or not at all, and for their owner alone (0600). */
import { access, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { FsyncDurable } from "../../shared/durable.js";

const durable = new FsyncDurable();

/** Writes or replaces a file; a crash leaves the old or the new one. */
export async function place(file: string, text: string): Promise<void> {
  const draft = `${file}.draft`;
  await rm(draft, { force: true });
  const handle = await durable.create(draft);
  try {
    await handle.write(Buffer.from(text));
    await handle.sync();
  } finally {
    await handle.close();
  }
  await durable.publish(draft, file);
  await durable.syncDirectory(dirname(file));
}

export async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
