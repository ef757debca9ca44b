/**
 * Being told that a file may have changed. Only a hint: events may be late, doubled or missing (NFS), so whoever
 * needs the truth looks for itself, at start and on SIGHUP. The one file that imports chokidar.
 */
import { watch } from "chokidar";

export interface Watch {
  close(): Promise<void>;
}

/** Several events of one save (truncate, write, rename) become one call this long after the last of them. */
const SETTLE_MS = 200;

/** Calls `changed` soon after any of `files` was written, replaced, removed or made. */
export function watchFiles(files: readonly string[], changed: () => void): Watch {
  let timer: NodeJS.Timeout | undefined;
  const watcher = watch([...files], { ignoreInitial: true, persistent: false, depth: 0, atomic: false });
  watcher.on("all", () => {
    clearTimeout(timer);
    timer = setTimeout(changed, SETTLE_MS).unref();
  });
  // Out of inotify watches, say: SIGHUP still reloads.
  watcher.on("error", () => {});
  return {
    close: async () => {
      clearTimeout(timer);
      await watcher.close();
    },
  };
}
