/**
 * Where a file of the program belongs.
 *
 * @module
 */

/** The place of a file of the project. */
export interface Place {
  /** Its room, by the name in the tables; undefined for a file that is not part of the program. */
  readonly room: string | undefined;
  /** The folder of `src` it is in; `src` itself, or `.` outside of it. */
  readonly folder: string;
  /** Its path from that folder. */
  readonly file: string;
  /** Its name in the tables. */
  readonly name: string;
}

/** The place of a path that is relative to the project's folder. */
export function placeOf(path: string): Place {
  const [, folder, file] = /^src\/(?:([^/]+)\/)?(.+)$/.exec(path) ?? [];
  if (folder !== undefined && file !== undefined) {
    return { room: folder, folder, file, name: `${folder}/${file}` };
  }
  if (file !== undefined) return { room: file, folder: "src", file, name: file };
  return { room: path === "main.ts" ? path : undefined, folder: ".", file: path, name: path };
}
