/**
 * The output that the response file is written to.
 *
 * @module
 */

import { basename, dirname, isAbsolute, join, sep } from "node:path";
import { SendFailure } from "./send_failure.ts";

/** A file, or anything else that has the given name. */
export interface OutputFile extends Disposable {
  /** Writes the bytes to it. Rejects with a `SendFailure`. */
  write(data: Uint8Array<ArrayBuffer>): Promise<void>;
}

/** What is at the given path. */
type OutputTarget =
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

/**
 * Opens the output. This happens before anything is sent, so that a path that cannot be written does not waste a run. A FIFO is
 * opened now, which waits for its reader, as in a shell: so the reader gets end-of-file even if there is no result. A file is not
 * changed while the job runs, since a signal may end the program. Throws a `SendFailure`.
 */
export function openOutput(path: string): OutputFile {
  const failed = (error: unknown) => {
    // After the reason, the runtime names the path that it tried, which may be a file beside this one.
    const [reason] = (error as Error).message.split(/: \w+ '/);
    return new SendFailure("noOutput", `${path}: cannot be written: ${reason}`);
  };
  let target: OutputTarget;
  try {
    target = targetOf(path);
    if (target.kind === "file") tryOut(target);
  } catch (error) {
    throw failed(error);
  }
  return {
    async write(data) {
      try {
        // A file is checked again, since a job may take days.
        await writeTo(target.kind === "file" ? targetOf(path) : target, data);
      } catch (error) {
        throw failed(error);
      }
    },
    [Symbol.dispose]() {
      if (target.kind === "through") target.file.close();
    },
  };
}

function targetOf(path: string): OutputTarget {
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

/** Throws if the file cannot be written. */
function tryOut({ path, before }: Extract<OutputTarget, { readonly kind: "file" }>): void {
  // Opening checks modes, access lists and mounts, and changes nothing.
  if (before) return Deno.openSync(path, { write: true }).close();
  const partial = partialName(path);
  Deno.writeFileSync(partial, new Uint8Array(), { createNew: true });
  removeIfPossible(partial);
}

async function writeTo(target: OutputTarget, data: Uint8Array<ArrayBuffer>): Promise<void> {
  switch (target.kind) {
    case "stream":
      return await writeAll(target.stream, data);
    case "through":
      if (target.isFile) target.file.truncateSync();
      return await writeAll(target.file, data);
    case "file":
      if (!replace(target.path, target.before, data)) {
        Deno.writeFileSync(target.path, data, { create: target.before === undefined });
      }
  }
}

/**
 * Replaces the file atomically and keeps its mode and owner. False if that is impossible: the folder is not writable, the owner
 * cannot be set, the file is a mount point, or it has other names.
 */
function replace(
  path: string,
  before: Deno.FileInfo | undefined,
  data: Uint8Array<ArrayBuffer>,
): boolean {
  if ((before?.nlink ?? 1) > 1) return false;
  const partial = partialName(path);
  try {
    // A user who may not read the old file must not be able to open this one before it has the same mode.
    const mode = before ? { mode: 0o600 } : {};
    Deno.writeFileSync(partial, new Uint8Array(), { createNew: true, ...mode });
  } catch {
    return false;
  }
  try {
    if (!likeBefore(partial, before)) return false;
    Deno.writeFileSync(partial, data, { create: false });
    return renamed(partial, path);
  } finally {
    removeIfPossible(partial);
  }
}

/** Gives a new file the mode and owner of the old one. False if that is not permitted. */
function likeBefore(path: string, before: Deno.FileInfo | undefined): boolean {
  if (!before) return true;
  try {
    const { uid, gid } = Deno.statSync(path);
    if (uid !== before.uid || gid !== before.gid) Deno.chownSync(path, before.uid, before.gid);
    if (before.mode !== null) Deno.chmodSync(path, before.mode & 0o7777);
    return true;
  } catch {
    return false;
  }
}

function renamed(from: string, to: string): boolean {
  try {
    Deno.renameSync(from, to);
    return true;
  } catch {
    return false;
  }
}

/** Removes a file, if it is still there and its folder permits that. */
function removeIfPossible(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // It stays.
  }
}

/** A name beside the file that is short, since names are limited to 255 bytes and the file's own may have that length. */
function partialName(path: string): string {
  return join(dirname(path), `.jobrunner-${crypto.randomUUID().slice(0, 8)}.part`);
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
