/**
 * The two files of one run, in the job's folder: the command reads the payload from one and writes its response to the other.
 * Their names contain the worker's number, so they are made when a worker is known. Only the parts of a form keep the names that
 * they arrived under.
 *
 * @module
 */

import { basename, join } from "node:path";
import { capturedLength, inputLength, type JobInput, nothingCaptured } from "../jobs/job.ts";
import { type JobFolder, jobFolderAt, makeJobFolder } from "./job_folder.ts";
import { look } from "./own_folder.ts";
import { openResponse, readResponse, type ResponseFile, unreadable } from "./response.ts";
import { largeFileBytes, pieceBytes, smallFileBytes } from "./sizes.ts";
import type { Spool } from "./spool.ts";
import { newOutputPath } from "./stored.ts";

/** The paths of a run's files. */
export interface RunFiles {
  /** Absolute path of the job's folder. */
  readonly folder: string;
  /** Absolute path of the file that holds the payload; of a form, the first file among its parts. */
  readonly requestFile: string;
  /** Absolute path of the folder that holds the parts of a form; empty if the payload is no form. */
  readonly requestFolder: string;
  /** Absolute path of the response file, which is empty at first. */
  readonly responseFile: string;
}

/** The files of one run, with operations on them. */
export interface Workspace extends RunFiles {
  /** Reads at most `limit` bytes of the response file. */
  readResponse(limit: number): Promise<ResponseFile>;
  /**
   * The same, but if there are many bytes they stay in the file, which is open then. It can be read after `remove`, and is
   * removed at its close if it cannot be removed before (Windows).
   */
  openResponse(limit: number): Promise<ResponseFile>;
  /**
   * Removes the job's folder with everything in it; to be called as soon as the response is read. Rejects with errors of the
   * file system.
   */
  remove(): Promise<void>;
}

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
  const isForm = input.kind === "parts";
  const requestFolder = isForm ? join(folder.path, input.name) : "";
  const requestFile = isForm
    ? join(requestFolder, input.first)
    : `${prefix}_req_${folder.random}${requestSuffix}`;
  const responseFile = `${prefix}_res_${folder.random}${responseSuffix}`;
  // A folder of parts may be replaced by a link, so a file in it is not removed by its path.
  if (!isForm) folder.files.push(requestFile);
  folder.files.push(responseFile);
  folder.large = inputLength(input) > largeFileBytes;
  try {
    createEmpty(responseFile);
    await putInto(requestFile, input);
  } catch (error) {
    return await giveUp(folder, error);
  }
  let isOpen = false;
  let isLeft = false;
  let keptName: string | undefined;

  function onClosed(): void {
    isOpen = false;
    if (keptName !== undefined) removeOutput(spool, keptName);
    if (isLeft) folder.remove().catch(() => {});
  }

  /** Why there is no response, without a look at the file; undefined if it can be read. */
  async function lost(): Promise<ResponseFile | undefined> {
    try {
      await spool.ensure();
    } catch {
      return { data: nothingCaptured, message: unreadable("the server's folder is damaged") };
    }
    return folder.openAgain() ? undefined : { data: nothingCaptured, message: goneOrReplaced };
  }

  /** Notes whether the response file is large; most of it may not have been read. */
  function measure({ data }: ResponseFile): void {
    folder.large ||=
      (data.truncated ? sizeOf(responseFile) : capturedLength(data)) > largeFileBytes;
  }

  async function removeWhileOpen(): Promise<void> {
    try {
      await folder.remove();
    } catch (error) {
      isLeft = isOpen;
      if (!isOpen || Deno.build.os !== "windows") throw error;
    }
  }

  return {
    folder: folder.path,
    requestFile,
    requestFolder,
    responseFile,
    async readResponse(limit) {
      const without = await lost();
      if (without) return without;
      const response = await readResponse(responseFile, limit);
      measure(response);
      folder.checked = response.data.bytes.length <= smallFileBytes;
      return response;
    },
    async openResponse(limit) {
      const without = await lost();
      if (without) return without;
      const response = openResponse(responseFile, limit, onClosed);
      measure(response);
      const { file } = response.data;
      isOpen = file !== undefined;
      if (file && folder.large) keptName = movedOut(responseFile, spool);
      folder.checked = true;
      return response;
    },
    remove: () => isOpen ? removeWhileOpen() : folder.remove(),
  };
}

/**
 * Gives the open file a name outside the job's folder, which it keeps until it is closed: otherwise the close would free its
 * space. Returns the path; undefined if it cannot be moved.
 */
function movedOut(file: string, spool: Spool): string | undefined {
  const path = newOutputPath(spool);
  try {
    Deno.renameSync(file, path);
    return path;
  } catch {
    return undefined;
  }
}

/** Size of a file in bytes; 0 if it cannot be found out. */
function sizeOf(path: string): number {
  try {
    return look(path)?.size ?? 0;
  } catch {
    return 0;
  }
}

function removeOutput(spool: Spool, path: string): void {
  Deno.remove(path).catch(() => spool.leftovers.add(path));
}

/** Removes the folder and rejects with the given error, which matters more than one of the removal. */
async function giveUp(folder: JobFolder, error: unknown): Promise<never> {
  await folder.remove().catch(() => {});
  throw error;
}

async function putInto(requestFile: string, input: JobInput): Promise<void> {
  if (input.kind === "parts") return checkParts(requestFile, input);
  if (input.kind === "file") {
    checkName(input.name);
    return Deno.renameSync(join(input.folder, input.name), requestFile);
  }
  const options = { createNew: true, mode: 0o600 };
  if (input.bytes.length > smallFileBytes) await writeInPieces(requestFile, input.bytes, options);
  else Deno.writeFileSync(requestFile, input.bytes, options);
}

function checkName(name: string): void {
  if (basename(name) !== name) throw new Error(`${name}: must be a file's name`);
}

function checkParts(
  requestFile: string,
  { folder, name, first }: Extract<JobInput, { kind: "parts" }>,
): void {
  checkName(name);
  checkName(first);
  if (!look(join(folder, name))?.isDirectory || !look(requestFile)?.isFile) {
    throw new Error(`${requestFile}: the file of the form is gone`);
  }
}

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

const goneOrReplaced =
  "the job's folder was removed or replaced, so the response file was not read";
