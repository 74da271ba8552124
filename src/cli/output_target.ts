/**
 * What is at the path of an output, and how it may be written.
 *
 * @module
 */

import { basename, dirname, isAbsolute, join, sep } from "node:path";

/** What is at the given path. */
export type OutputTarget =
  /** One of our own streams, such as `/dev/stdout`: if it is a file, opening it again would overwrite earlier output. */
  | { readonly kind: "stream"; readonly stream: ByteWriter }
  /** Something that is written to and not replaced, such as a device or a pipe. */
  | { readonly kind: "through"; readonly file: Deno.FsFile; readonly isFile: boolean }
  /** A regular file, which may not exist yet; links to it have been followed. */
  | { readonly kind: "file"; readonly path: string; readonly before: Deno.FileInfo | undefined };

/** Something that bytes can be written to. */
export interface ByteWriter {
  /** Resolves with the number of bytes that were written. */
  write(bytes: Uint8Array): Promise<number>;
}

/** A regular file, which may not exist yet. */
export type FileTarget = Extract<OutputTarget, { readonly kind: "file" }>;

/** Finds out what is at a path; `-` is standard output. Opens what is written through. Throws if it cannot be an output. */
export function targetOf(path: string): OutputTarget {
  if (path === "-") return { kind: "stream", stream: Deno.stdout };
  if (isWindowsDevice(path)) return through(path, false);
  const info = existing(() => Deno.statSync(path));
  if (info?.isDirectory) throw new Error("it is a folder");
  const stream = info && ownStream(info);
  if (stream) return { kind: "stream", stream };
  if (info?.isSocket) throw new Error("it is a socket");
  const end = endOfLinks(path);
  // A file that a process has open, such as /dev/fd/3, must not be replaced.
  return info && (!info.isFile || end.startsWith("/proc/"))
    ? through(path, info.isFile)
    : { kind: "file", path: end, before: info };
}

function through(path: string, isFile: boolean): OutputTarget {
  return { kind: "through", file: Deno.openSync(path, { write: true }), isFile };
}

/** Windows has devices with these names in every folder, and `stat` does not recognize them. */
function isWindowsDevice(path: string): boolean {
  return Deno.build.os === "windows" && /^(con|nul|prn|aux|com\d|lpt\d)$/i.test(basename(path));
}

/** Which of our own streams a file is, if any. Windows has no names for them. */
function ownStream(info: Deno.FileInfo): ByteWriter | undefined {
  if (Deno.build.os === "windows") return undefined;
  for (
    const [name, stream] of [["/dev/stdout", Deno.stdout], ["/dev/stderr", Deno.stderr]] as const
  ) {
    const own = existing(() => Deno.statSync(name));
    if (own?.ino === info.ino && own.dev === info.dev) return stream;
  }
  return undefined;
}

/** The path that links lead to, which may not exist yet. Links in /proc to files that a process has open are not followed. */
function endOfLinks(path: string): string {
  if (path.endsWith("/") || path.endsWith(sep)) throw new Error("there is no such folder");
  // The path must not be normalized: in a/../b, a may be a link.
  const folder = Deno.realPathSync(dirname(path));
  const end = join(folder, basename(path));
  if (folder.startsWith("/proc/") || !existing(() => Deno.lstatSync(end))?.isSymlink) return end;
  const target = Deno.readLinkSync(end);
  return endOfLinks(isAbsolute(target) ? target : `${folder}/${target}`);
}

/** Calls `look` and returns its result; undefined if the file does not exist. */
function existing<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Writes all bytes to a stream. */
export async function writeAll(sink: ByteWriter, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await sink.write(bytes.subarray(at));
}
