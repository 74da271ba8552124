/**
 * A file at a fixed path that serves one job after the other. A job can do anything to it: remove it, replace it by a link or a
 * FIFO, give it a second name. So it is written only while it is certain that it is the file that was made, and only there.
 *
 * @module
 */

import { dirname, join } from "node:path";
import { removeSmallOrAny } from "./removal.ts";
import { largeFileBytes, pieceBytes, smallFileBytes } from "./sizes.ts";
import { writeInPieces } from "./workspace.ts";

/** A file at a fixed path. It does not exist before the first `renew`. Its folder must be known to be the right one. */
export interface KeptFile {
  /** Absolute path. */
  readonly path: string;
  /** Whether the next job can have it: it is at its path, empty, has no other name, and its mode and owner are unchanged. */
  isReady(): boolean;
  /** Whether it is open and has no bytes, whatever is at its path; much cheaper than `isReady`. */
  isEmpty(): boolean;
  /** Makes it ready, if necessary by removing what is at the path and making a new file. Rejects with errors of the file system. */
  renew(): Promise<void>;
  /** Writes at most `smallFileBytes` into it; only while it is ready. Throws errors of the file system. */
  write(bytes: Uint8Array): void;
  /**
   * Puts a new file with these bytes in its place, without blocking the event loop; only while it is ready. Rejects with errors
   * of the file system.
   */
  replace(bytes: Uint8Array): Promise<void>;
  /**
   * Puts the file at `place`, on the same file system, in its place; only while it is ready. That file is never written. Throws
   * errors of the file system.
   */
  replaceBy(place: string): void;
  /** Its size in bytes; undefined if it is not open, or something else is at its path. */
  openSize(): number | undefined;
  /**
   * Fills memory from its beginning, and returns how much of it there was; only while it is open. Throws or rejects with errors
   * of the file system.
   */
  fill(bytes: Uint8Array<ArrayBuffer>): number | Promise<number>;
  /** Closes it, so that it is never written again. What is at the path stays there. Idempotent. */
  release(): void;
}

const newFile = { read: true, write: true, createNew: true, mode: 0o600 };

/**
 * The file at `path`. If `staysOpen`, it is open all the time, which makes each use cheaper, and keeps its inode from being given
 * to another file. On Windows it is opened for each use, since a program may want to have it alone.
 */
export function createKeptFile(path: string, staysOpen: boolean): KeptFile {
  let own: Deno.FileInfo | undefined;
  let open: Deno.FsFile | undefined;

  /** What is at the path, if that is the file that was made. */
  function seenOwn(): Deno.FileInfo | undefined {
    try {
      const seen = Deno.lstatSync(path);
      return own && isSameFile(seen, own) ? seen : undefined;
    } catch {
      return undefined;
    }
  }

  /** The same, if no job has changed anything but its bytes. */
  function seenSound(): Deno.FileInfo | undefined {
    const seen = seenOwn();
    return seen && seen.nlink === own?.nlink && seen.mode === own?.mode && seen.uid === own?.uid
      ? seen
      : undefined;
  }

  function adopt(file: Deno.FsFile): void {
    try {
      own = staysOpen ? file.statSync() : Deno.lstatSync(path);
    } catch (error) {
      file.close();
      throw error;
    }
    if (staysOpen) open = file;
    else file.close();
  }

  function use(act: (file: Deno.FsFile) => void): void {
    if (open) return act(open);
    using file = Deno.openSync(path, { write: true });
    if (!own || !isSameFile(file.statSync(), own)) {
      throw new Error(`${path}: something else is in the file's place`);
    }
    act(file);
  }

  function replaceBy(place: string): void {
    Deno.renameSync(place, path);
    release();
  }

  function release(): void {
    if (open) closeFreed(open);
    open = own = undefined;
  }

  return {
    path,
    isReady: () => seenSound()?.size === 0,
    isEmpty: () => open?.seekSync(0, Deno.SeekMode.End) === 0,
    async renew() {
      const seen = seenSound();
      if (seen && seen.size <= largeFileBytes) {
        if (seen.size > 0) use((file) => file.truncateSync());
        return;
      }
      await removeSmallOrAny(path);
      release();
      adopt(Deno.openSync(path, newFile));
    },
    write(bytes) {
      use((file) => {
        file.seekSync(0, Deno.SeekMode.Start);
        for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
      });
    },
    async replace(bytes) {
      const place = join(dirname(path), crypto.randomUUID());
      const file = await Deno.open(place, newFile);
      try {
        await writeInPieces(file, bytes);
        replaceBy(place);
      } catch (error) {
        file.close();
        throw error;
      }
      adopt(file);
    },
    replaceBy,
    openSize: () => open && seenOwn()?.size,
    fill(bytes) {
      if (!open || bytes.length === 0) return 0;
      open.seekSync(0, Deno.SeekMode.Start);
      return bytes.length <= smallFileBytes ? fillNow(open, bytes) : fillInPieces(open, bytes);
    },
    release,
  };
}

/** Whether both are the same regular file. */
function isSameFile(one: Deno.FileInfo, other: Deno.FileInfo): boolean {
  return one.isFile && other.isFile && one.ino === other.ino && one.dev === other.dev;
}

/** Closes a file. If it has no name any more, that frees its space, which would block the event loop if there is much of it. */
function closeFreed(file: Deno.FsFile): void {
  if (isLargeWithoutName(file)) file.truncate().catch(() => {}).then(() => file.close());
  else file.close();
}

/**
 * Whether that is so. False if it cannot be found out: under path permissions Deno checks the path of an open file too, which
 * fails if a job has replaced the folder, for example by a file (seen on 2.9.6).
 */
function isLargeWithoutName(file: Deno.FsFile): boolean {
  try {
    const { nlink, size } = file.statSync();
    return nlink === 0 && size > largeFileBytes;
  } catch {
    return false;
  }
}

function fillNow(file: Deno.FsFile, bytes: Uint8Array): number {
  for (let length = 0;;) {
    const count = length < bytes.length ? file.readSync(bytes.subarray(length)) : null;
    if (count === null) return length;
    length += count;
  }
}

async function fillInPieces(file: Deno.FsFile, bytes: Uint8Array): Promise<number> {
  for (let length = 0;;) {
    const piece = bytes.subarray(length, length + pieceBytes);
    const count = piece.length > 0 ? await file.read(piece) : null;
    if (count === null) return length;
    length += count;
  }
}
