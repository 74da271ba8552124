/**
 * Files, for the tools.
 *
 * @module
 */

/** Whether the path is a regular file, or a link to one. */
export function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
