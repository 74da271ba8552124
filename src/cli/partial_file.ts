/**
 * A file beside an output, which becomes the output when it is complete.
 *
 * @module
 */

import { dirname, join } from "node:path";
import { type HeldBytes, piecesOf } from "./held_bytes.ts";
import { type FileTarget, writeAll } from "./output_target.ts";

/** Throws if the file cannot be written. */
export function tryOut({ path, before }: FileTarget): void {
  // Opening checks modes, access lists and mounts, and changes nothing.
  if (before) return Deno.openSync(path, { write: true }).close();
  const partial = partialName(path);
  Deno.writeFileSync(partial, new Uint8Array(), { createNew: true });
  removeIfPossible(partial);
}

/** A file beside the one that it may replace. */
export interface PartialFile extends Pick<HeldBytes, "write" | "pieces">, Disposable {
  /** Replaces the file atomically and keeps its mode and owner. False if that is impossible. */
  replace(now: FileTarget): boolean;
}

/**
 * Makes a partial file, which a signal that ends the program removes, as disposing does. Undefined if the folder is not writable,
 * or the owner or mode of the old file cannot be set.
 */
export function partialOf({ path, before }: FileTarget): PartialFile | undefined {
  if (isSeveral(before)) return undefined;
  const partial = partialName(path);
  let file: Deno.FsFile;
  try {
    // A user who may not read the old file must not be able to open this one before it has the same mode.
    const mode = before ? { mode: 0o600 } : {};
    file = Deno.openSync(partial, { read: true, write: true, createNew: true, ...mode });
  } catch {
    return undefined;
  }
  const listening = beforeEnding(() => removeIfPossible(partial));
  const close = () => {
    listening[Symbol.dispose]();
    file.close();
    removeIfPossible(partial);
  };
  if (!likeBefore(partial, before)) return void close();
  return {
    write: (bytes) => writeAll(file, bytes),
    pieces: () => piecesOf(file),
    replace: (now) =>
      now.path === path && !isSeveral(now.before) && likeBefore(partial, now.before) &&
      renamed(partial, path),
    [Symbol.dispose]: close,
  };
}

/** Whether a file has several names, which must stay names of one file. */
function isSeveral(info: Deno.FileInfo | undefined): boolean {
  return (info?.nlink ?? 1) > 1;
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

/** The signals that end the program at a user's or a supervisor's wish. Windows has no SIGTERM. */
const endings: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT"]
  : ["SIGINT", "SIGTERM"];

/** Does a step before one of these signals ends the program, until it is disposed. */
function beforeEnding(step: () => void): Disposable {
  const listeners = endings.map((signal) => {
    const listener = () => {
      step();
      stop();
      Deno.kill(Deno.pid, signal);
    };
    return { signal, listener };
  });
  const stop = () => {
    for (const { signal, listener } of listeners) Deno.removeSignalListener(signal, listener);
  };
  for (const { signal, listener } of listeners) Deno.addSignalListener(signal, listener);
  return { [Symbol.dispose]: stop };
}
