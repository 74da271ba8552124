/**
 * The folder of one run, and the two files in it: the payload for the command to read, and the response file for it to
 * write.
 *
 * @module
 */

import { closeSync, constants, fstatSync, openSync, read, readSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Captured } from "../jobs/job.ts";
import { look } from "./own_folder.ts";
import { removeInBackground } from "./removal.ts";
import { jobFolderIn, type Spool } from "./spool.ts";

/** The folder of one run. */
export interface Workspace {
  /** Absolute path of the folder, unique to the job; the command may leave there what it likes. */
  readonly folder: string;
  /** Absolute path of the file that holds the payload. */
  readonly requestFile: string;
  /** Absolute path of the response file; empty at first. */
  readonly responseFile: string;
  /** What the command left in the response file. */
  readResponse(limit: number): Promise<ResponseFile>;
  /**
   * Removes the folder, whatever the command made of it; to be called at once when the response was read. Rejects with what
   * the file system throws.
   */
  remove(): Promise<void>;
}

/** The response file's content, and why it is empty if that is not the command's doing. */
export interface ResponseFile {
  /** Its bytes, up to the limit. */
  readonly data: Captured;
  /** A sentence for the client, when the file could not be read. */
  readonly message?: string;
}

/**
 * Up to this size a file is written and read with one synchronous call, which costs several times less than an
 * asynchronous one; beyond it the event loop must not wait.
 */
const smallFileBytes = 256 * 1024;

/** How much of an id a file name may hold, so that the name stays within 255 bytes. */
const maxIdInName = 100;

/** What a workspace is made for. */
export interface WorkspaceJob {
  /** The worker's number. */
  readonly workerId: number;
  /** The client's id. */
  readonly id: string;
  /** The payload's bytes. */
  readonly payload: Uint8Array;
  /** What the name of the payload's file ends in. */
  readonly requestSuffix: string;
  /** What the name of the response file ends in. */
  readonly responseSuffix: string;
}

/**
 * Creates the folder, mode 0700, and both files, mode 0600, in the spool, which is mended if need be.
 * Rejects with what the file system throws; nothing is left behind then.
 */
export async function createWorkspace(spool: Spool, job: WorkspaceJob): Promise<Workspace> {
  await spool.ensure();
  try {
    return await createIn(spool, job);
  } catch {
    // Another job may have damaged the spool at this very moment.
    await spool.ensure();
    return await createIn(spool, job);
  }
}

async function createIn(
  spool: Spool,
  { workerId, id, payload, requestSuffix, responseSuffix }: WorkspaceJob,
): Promise<Workspace> {
  const random = crypto.getRandomValues(new Uint8Array(8)).toHex();
  const folder = jobFolderIn(spool.path, random);
  const prefix = join(folder, `jobdata_w_${workerId}_id_${safeFormOf(id)}`);
  const requestFile = `${prefix}_req_${random}${requestSuffix}`;
  const responseFile = `${prefix}_res_${random}${responseSuffix}`;

  /** The folder was looked at in this very turn of the event loop: nothing has happened to it since. */
  let looked = false;

  async function remove(): Promise<void> {
    try {
      // Another job may damage the spool at this very moment.
      await removeNow().catch(removeNow);
    } catch (error) {
      spool.leftovers.add(folder);
      throw error;
    }
    for (const left of spool.leftovers) {
      spool.leftovers.delete(left);
      removeInBackground(left).catch(() => spool.leftovers.add(left));
    }
  }

  async function removeNow(): Promise<void> {
    if (!looked) await spool.ensure();
    if (!removeAtOnce()) await removeInBackground(folder);
  }

  /** What mostly is there: a folder with the two files. False if there is anything else. */
  function removeAtOnce(): boolean {
    try {
      if (!looked && !look(folder)?.isDirectory) return false;
      Deno.removeSync(requestFile);
      Deno.removeSync(responseFile);
      Deno.removeSync(folder);
      return true;
    } catch {
      looked = false;
      return false;
    }
  }

  try {
    Deno.mkdirSync(folder, { mode: 0o700 });
    createEmpty(responseFile);
    const options = { createNew: true, mode: 0o600 };
    if (payload.length <= smallFileBytes) Deno.writeFileSync(requestFile, payload, options);
    else await writeInPieces(requestFile, payload, options);
  } catch (error) {
    // Why nothing could be written is what counts.
    await remove().catch(() => {});
    throw error;
  }
  return {
    folder,
    requestFile,
    responseFile,
    async readResponse(limit) {
      try {
        await spool.ensure();
      } catch {
        return { data: nothing, message: unreadable("the server's folder is damaged") };
      }
      if (!openAgain(folder)) return { data: nothing, message: goneOrReplaced };
      const response = await readResponse(responseFile, limit);
      looked = response.data.bytes.length <= smallFileBytes;
      return response;
    },
    remove,
  };
}

/** A command may have shut its folder; its owner may open it again. False when it is gone, or something else is in its place. */
function openAgain(folder: string): boolean {
  try {
    const found = look(folder);
    if (found?.isDirectory && isShut(found)) Deno.chmodSync(folder, 0o700);
    return found?.isDirectory === true;
  } catch {
    return false;
  }
}

/** Windows has no modes. */
function isShut({ mode }: Deno.FileInfo): boolean {
  return Deno.build.os !== "windows" && mode !== null && (mode & 0o700) !== 0o700;
}

/** Bytes that go to or come from a large file at a time: the runtime copies what it hands to its thread pool. */
const pieceBytes = 1024 * 1024;

async function writeInPieces(
  path: string,
  bytes: Uint8Array,
  options: Omit<Deno.OpenOptions, "write">,
): Promise<void> {
  using file = await Deno.open(path, { ...options, write: true });
  for (let at = 0; at < bytes.length;) {
    at += await file.write(bytes.subarray(at, at + pieceBytes));
  }
}

/** An id as part of a file name: what is not a letter, digit, dot, dash or underscore becomes an underscore. */
function safeFormOf(id: string): string {
  return id.slice(0, maxIdInName).replace(/[^A-Za-z0-9._-]/g, "_");
}

function createEmpty(path: string): void {
  Deno.openSync(path, { write: true, createNew: true, mode: 0o600 }).close();
}

const nothing: Captured = { bytes: new Uint8Array(), truncated: false };

/**
 * Only a regular file is read: following a link would read outside the spool, and opening a FIFO would wait for a
 * writer for ever. A descendant may still change what is there at any moment, so the open does not wait, and what was
 * opened must be what was looked at. (`O_NOFOLLOW` alone is not enough: under path permissions Deno follows the link
 * itself, seen on 2.9.6 and 2.7.11.)
 */
async function readResponse(path: string, limit: number): Promise<ResponseFile> {
  let file: number | undefined;
  try {
    const seen = Deno.lstatSync(path);
    if (!seen.isFile) return { data: nothing, message: notRegular };
    if (seen.size === 0) return { data: nothing };
    file = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const info = fstatSync(file);
    if (info.ino !== seen.ino || info.dev !== seen.dev) {
      return { data: nothing, message: notRegular };
    }
    const bytes = new Uint8Array(Math.min(info.size, limit));
    const length = await fill(file, bytes);
    return { data: { bytes: bytes.subarray(0, length), truncated: info.size > limit } };
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    if (code === "ENOENT") return { data: nothing };
    return { data: nothing, message: unreadable(reasonOf(error)) };
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof RangeError) return "there is not enough memory for it";
  return (error as { code?: unknown }).code === "EACCES"
    ? "permission denied"
    : "an input/output error";
}

const goneOrReplaced =
  "the job's folder was removed or replaced, so the response file was not read";

const notRegular = "the response file is not a regular file and was not read";

function unreadable(reason: string): string {
  return `the response file could not be read: ${reason}`;
}

const readAsync = promisify(read);

async function fill(file: number, bytes: Uint8Array): Promise<number> {
  let length = 0;
  while (length < bytes.length) {
    const piece = bytes.subarray(length, length + pieceBytes);
    const count = bytes.length <= smallFileBytes
      ? readSync(file, piece)
      : (await readAsync(file, piece, 0, piece.length, null)).bytesRead;
    if (count === 0) break;
    length += count;
  }
  return length;
}
