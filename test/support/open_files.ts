/**
 * The files that a process has open (Linux).
 *
 * @module
 */

/**
 * Paths of the files that a process, by default this one, has open and whose path begins with `prefix`; of a removed file with
 * ` (deleted)` at the end.
 */
export function openFilesIn(prefix: string, process: number | "self" = "self"): string[] {
  return [...Deno.readDirSync(`/proc/${process}/fd`)].flatMap(({ name }) => {
    try {
      const path = Deno.readLinkSync(`/proc/${process}/fd/${name}`);
      return path.startsWith(prefix) ? [path] : [];
    } catch {
      return [];
    }
  });
}

/** Whether this process has the file open. */
export function isOpen(path: string): boolean {
  return openFilesIn(path).includes(path);
}

/** Lets nothing be removed that holds an open file, as on Windows, until it is disposed of. */
export function keepOpenFiles(): Disposable {
  const { remove, removeSync } = Deno;
  const check = (path: string | URL) => {
    if (openFilesIn(String(path)).length > 0) throw new Error("it is open");
  };
  Deno.remove = async (path, options) => {
    check(path);
    await remove(path, options);
  };
  Deno.removeSync = (path, options) => {
    check(path);
    removeSync(path, options);
  };
  return { [Symbol.dispose]: () => void Object.assign(Deno, { remove, removeSync }) };
}
