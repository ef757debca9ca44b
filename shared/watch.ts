/**
 * Being told that a file may have changed. Only a hint: events may be late, doubled, in vain or missing (NFS, a link
 * far above that is switched), so whoever is told looks for itself, and is told now and then in any case. The one file
 * that imports chokidar.
 *
 * It is the directories that are watched: a file that is replaced by a rename, a link that is switched, a file that does
 * not exist yet, each is an event there. Of a link, the place that it leads to at first is watched as well. When nothing
 * can be watched (no inotify left, no such directory), what remains is the now and then.
 */
import { watch as fsWatch, realpathSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { watch } from "chokidar";

export interface Watch {
  close(): Promise<void>;
}

/** Several events of one save (truncate, write, rename) become one call this long after the last of them. */
const SETTLE_MS = 200;
/** How often one is told without an event. */
const ANYWAY_MS = 60_000;

/** Calls `hint` soon after any of `files` was written, replaced, removed or made. Keeps no process alive. */
export function watchFiles(files: readonly string[], hint: () => void): Watch {
  if (files.length === 0) return { close: async () => {} };
  let settling: NodeJS.Timeout | undefined;
  const anyway = setInterval(hint, ANYWAY_MS).unref();

  const paths = files.flatMap((file) => [resolve(file), ...realPathOf(file)]);
  const directories = [...new Set(paths.map((path) => dirname(path)))];
  const wanted = new Set([...paths, ...directories]);
  const names = new Set(paths.map((path) => basename(path)));
  const watcher = watch(directories, {
    ignored: (path) => !wanted.has(path),
    ignoreInitial: true,
    persistent: false,
    depth: 0,
    followSymlinks: false,
    atomic: false,
  });
  // Not "all": chokidar compares what it sees with what it saw, and after quick replacements falls silent (5.0.0).
  watcher.on("raw", (_, name) => {
    if (!names.has(basename(name))) return;
    clearTimeout(settling);
    settling = setTimeout(hint, SETTLE_MS).unref();
  });
  watcher.on("error", () => {});

  return {
    close: async () => {
      clearInterval(anyway);
      clearTimeout(settling);
      await watcher.close();
    },
  };
}

/**
 * Calls `hint` with the name of each file of a directory that was made, moved there or away, changed or removed, at once;
 * with "" where the system tells no name. There is no now and then here: the caller reads the directory himself at times.
 *
 * For directories of very many files that change thousands of times a second, so not by chokidar, which reads all of the
 * directory, and the status of every file in it, at the start and after every change.
 */
export function watchDirectory(directory: string, hint: (name: string) => void): Watch {
  try {
    const watcher = fsWatch(directory, { persistent: false }, (_, name) => hint(name ?? ""));
    watcher.on("error", () => watcher.close());
    return { close: async () => watcher.close() };
  } catch {
    return { close: async () => {} };
  }
}

function realPathOf(file: string): string[] {
  try {
    return [realpathSync(file)];
  } catch {
    return [];
  }
}
