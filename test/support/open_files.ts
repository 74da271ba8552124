/**
 * The files that this process has open (Linux).
 *
 * @module
 */

/** Paths of the open files whose path begins with `prefix`; of a removed file with ` (deleted)` at the end. */
export function openFilesIn(prefix: string): string[] {
  return [...Deno.readDirSync("/proc/self/fd")].flatMap(({ name }) => {
    try {
      const path = Deno.readLinkSync(`/proc/self/fd/${name}`);
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
