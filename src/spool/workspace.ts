/**
 * The two files of one run, in the job's folder: the command reads the payload from one and writes its response to the other.
 * Their names contain the worker's number, so they are made when a worker is known.
 *
 * @module
 */

import { closeSync, constants, fstatSync, openSync, read, readSync } from "node:fs";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { type Captured, type JobInput, nothingCaptured } from "../jobs/job.ts";
import { type JobFolder, jobFolderAt, makeJobFolder } from "./job_folder.ts";
import type { Spool } from "./spool.ts";

/** The paths of a run's files. */
export interface RunFiles {
  /** Absolute path of the job's folder. */
  readonly folder: string;
  /** Absolute path of the file that holds the payload. */
  readonly requestFile: string;
  /** Absolute path of the folder with the parts of a form; empty if the payload is no form. */
  readonly requestFolder: string;
  /** Absolute path of the response file, which is empty at first. */
  readonly responseFile: string;
}

/** The files of one run, with operations on them. */
export interface Workspace extends RunFiles {
  /** Reads at most `limit` bytes of the response file. */
  readResponse(limit: number): Promise<ResponseFile>;
  /**
   * Removes the job's folder with everything in it; to be called as soon as the response is read. Rejects with errors of the
   * file system.
   */
  remove(): Promise<void>;
}

/** What was read of the response file. */
export interface ResponseFile {
  /** Its bytes, up to the limit; none if it could not be read. */
  readonly data: Captured;
  /** A sentence for the client if the file could not be read. */
  readonly message?: string;
}

/**
 * Up to this size, a file is written and read with one synchronous call, which costs several times less than an asynchronous
 * one. Larger files must not block the event loop.
 */
const smallFileBytes = 256 * 1024;

/** How many characters of an id a file name may contain, so that the name stays within 255 bytes. */
const maxIdInName = 100;

/** The parts of the two files' names. */
export interface FileNames {
  /** The worker's number. */
  readonly workerId: number;
  /** The client's id. */
  readonly id: string;
  /** Appended to the name of the payload's file. */
  readonly requestSuffix: string;
  /** Appended to the name of the response file. */
  readonly responseSuffix: string;
}

/**
 * Makes both files, with mode 0600, in the folder that already holds the payload, or in a new one in the spool, which is
 * repaired if necessary. Rejects with errors of the file system; then nothing is left behind.
 */
export async function createWorkspace(
  spool: Spool,
  input: JobInput,
  names: FileNames,
): Promise<Workspace> {
  if (input.kind !== "bytes") {
    const folder = jobFolderAt(spool, input.folder);
    await spool.ensure().catch((error) => giveUp(folder, error));
    return await createIn(folder, spool, input, names);
  }
  await spool.ensure();
  try {
    return await createIn(makeJobFolder(spool), spool, input, names);
  } catch {
    // Another job may have damaged the spool at the same moment.
    await spool.ensure();
    return await createIn(makeJobFolder(spool), spool, input, names);
  }
}

async function createIn(
  folder: JobFolder,
  spool: Spool,
  input: JobInput,
  { workerId, id, requestSuffix, responseSuffix }: FileNames,
): Promise<Workspace> {
  const prefix = join(folder.path, `jobdata_w_${workerId}_id_${safeFormOf(id)}`);
  const requestFile = `${prefix}_req_${folder.random}${requestSuffix}`;
  const responseFile = `${prefix}_res_${folder.random}${responseSuffix}`;
  folder.files.push(requestFile, responseFile);
  try {
    createEmpty(responseFile);
    await putInto(requestFile, input);
  } catch (error) {
    return await giveUp(folder, error);
  }
  return {
    folder: folder.path,
    requestFile,
    requestFolder: "",
    responseFile,
    async readResponse(limit) {
      try {
        await spool.ensure();
      } catch {
        return { data: nothingCaptured, message: unreadable("the server's folder is damaged") };
      }
      if (!folder.openAgain()) return { data: nothingCaptured, message: goneOrReplaced };
      const response = await readResponse(responseFile, limit);
      folder.checked = response.data.bytes.length <= smallFileBytes;
      return response;
    },
    remove: folder.remove,
  };
}

/** Removes the folder and rejects with the given error, which matters more than one of the removal. */
async function giveUp(folder: JobFolder, error: unknown): Promise<never> {
  await folder.remove().catch(() => {});
  throw error;
}

async function putInto(requestFile: string, input: JobInput): Promise<void> {
  if (input.kind === "parts") throw new Error("not yet");
  if (input.kind === "file") {
    if (basename(input.name) !== input.name) {
      throw new Error(`${input.name}: must be a file's name`);
    }
    return Deno.renameSync(join(input.folder, input.name), requestFile);
  }
  const options = { createNew: true, mode: 0o600 };
  if (input.bytes.length > smallFileBytes) await writeInPieces(requestFile, input.bytes, options);
  else Deno.writeFileSync(requestFile, input.bytes, options);
}

/** Size of the pieces in which a large file is read and written, since the runtime copies what it passes to its thread pool. */
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

/** An id as part of a file name: every character but letters, digits, dots, dashes and underscores becomes an underscore. */
function safeFormOf(id: string): string {
  return id.slice(0, maxIdInName).replace(/[^A-Za-z0-9._-]/g, "_");
}

function createEmpty(path: string): void {
  Deno.openSync(path, { write: true, createNew: true, mode: 0o600 }).close();
}

/**
 * Only a regular file is read: following a link would read outside the spool, and opening a FIFO could wait for a writer
 * forever. A descendant may still replace the file at any moment, so it is opened with `O_NONBLOCK`, and the opened file
 * must have the inode that was checked. (`O_NOFOLLOW` alone is not enough: under path permissions Deno follows the link
 * itself, seen on 2.9.6 and 2.7.11.)
 */
async function readResponse(path: string, limit: number): Promise<ResponseFile> {
  let file: number | undefined;
  try {
    const seen = Deno.lstatSync(path);
    if (!seen.isFile) return { data: nothingCaptured, message: notRegular };
    if (seen.size === 0) return { data: nothingCaptured };
    file = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const info = fstatSync(file);
    if (info.ino !== seen.ino || info.dev !== seen.dev) {
      return { data: nothingCaptured, message: notRegular };
    }
    const bytes = new Uint8Array(Math.min(info.size, limit));
    const length = await fill(file, bytes);
    return { data: { bytes: bytes.subarray(0, length), truncated: info.size > limit } };
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    if (code === "ENOENT") return { data: nothingCaptured };
    return { data: nothingCaptured, message: unreadable(reasonOf(error)) };
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
