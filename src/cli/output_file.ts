/**
 * Where the response file goes.
 *
 * @module
 */

import { basename, dirname, isAbsolute, join, sep } from "node:path";
import { SendFailure } from "./send_failure.ts";

/** A file, or whatever else has that name. */
export interface OutputFile extends Disposable {
  /** Puts the bytes there. Rejects with a `SendFailure`. */
  keep(data: Uint8Array<ArrayBuffer>): Promise<void>;
}

/** What has the name that was given. */
type OutputTarget =
  /** One of our own streams, such as `/dev/stdout`: if it is a file, opening it anew would write over what went before. */
  | { readonly kind: "stream"; readonly stream: ByteWriter }
  /** Something that is written to and stays what it is: a device, a pipe. */
  | { readonly kind: "through"; readonly file: Deno.FsFile; readonly isFile: boolean }
  /** A regular file, or none yet; links to it have been followed. */
  | { readonly kind: "file"; readonly path: string; readonly before: Deno.FileInfo | undefined };

/** What bytes can be written to. */
export interface ByteWriter {
  /** Resolves with how many bytes were taken. */
  write(bytes: Uint8Array): Promise<number>;
}

/**
 * Checked before anything is sent, so that a path that cannot be written wastes no run. A FIFO is opened now, which waits for its
 * reader, as in a shell: if there is no result, the reader comes to an end all the same. A file does not change while the
 * job runs, since a signal may end the program. Throws a `SendFailure`.
 */
export function openOutput(path: string): OutputFile {
  const failed = (error: unknown) => {
    // Behind the reason, the runtime names what it tried, which may be a file beside this one.
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
    async keep(data) {
      try {
        // A file is looked at again: a job may take days.
        await write(target.kind === "file" ? targetOf(path) : target, data);
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
  // A file that somebody has open, such as /dev/fd/3, must stay the one that is open.
  return info && (!info.isFile || end.startsWith("/proc/"))
    ? through(path, info.isFile)
    : { kind: "file", path: end, before: info };
}

function through(path: string, isFile: boolean): OutputTarget {
  return { kind: "through", file: Deno.openSync(path, { write: true }), isFile };
}

/** Windows has devices of these names in every folder, and cannot tell what they are. */
function isWindowsDevice(path: string): boolean {
  return Deno.build.os === "windows" && /^(con|nul|prn|aux|com\d|lpt\d)$/i.test(basename(path));
}

/** The stream that this is. Windows has no names for them. */
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

/** Where links lead, also to nothing yet; but not what a process has open, to which links in /proc lead. */
function endOfLinks(path: string): string {
  if (path.endsWith("/") || path.endsWith(sep)) throw new Error("there is no such folder");
  // Not normalized: of a/../b, a may be a link.
  const folder = Deno.realPathSync(dirname(path));
  const end = join(folder, basename(path));
  if (folder.startsWith("/proc/") || !existing(() => Deno.lstatSync(end))?.isSymlink) return end;
  const target = Deno.readLinkSync(end);
  return endOfLinks(isAbsolute(target) ? target : `${folder}/${target}`);
}

function tryOut({ path, before }: Extract<OutputTarget, { readonly kind: "file" }>): void {
  // Opening tells what modes, lists and mounts permit, and changes nothing.
  if (before) return Deno.openSync(path, { write: true }).close();
  const partial = partialName(path);
  Deno.writeFileSync(partial, new Uint8Array(), { createNew: true });
  removeIfPossible(partial);
}

async function write(target: OutputTarget, data: Uint8Array<ArrayBuffer>): Promise<void> {
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
 * Puts a file with mode and owner of the one before in its place, so that it is there whole or as it was. False when that cannot
 * be: the folder may not be written, the owner not be given, the file is mounted there, or has more names than this one.
 */
function replace(
  path: string,
  before: Deno.FileInfo | undefined,
  data: Uint8Array<ArrayBuffer>,
): boolean {
  if ((before?.nlink ?? 1) > 1) return false;
  const partial = partialName(path);
  try {
    // Whoever may not read the one before must not open this one either, before it has that one's mode.
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

/** Gives a new file mode and owner of the one before. False when that is not allowed. */
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

/** It may have its real name by now, or lie in a folder from which nothing can be removed. */
function removeIfPossible(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // It stays.
  }
}

/** Beside the file, and short: a name may have 255 bytes, all of which the file's own may need. */
function partialName(path: string): string {
  return join(dirname(path), `.jobrunner-${crypto.randomUUID().slice(0, 8)}.part`);
}

/** What it returns; undefined when there is no such file. */
function existing<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Writes it all to a stream. */
export async function writeAll(sink: ByteWriter, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await sink.write(bytes.subarray(at));
}
