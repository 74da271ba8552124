/**
 * The two files of one run, in the job's folder: the command reads the payload from one and writes its response to the other.
 * Their names contain the worker's number, so they are made when a worker is known. Only the parts of a form keep the names that
 * they arrived under.
 *
 * @module
 */

import { basename, join, sep } from "node:path";
import { inputLength, type JobInput } from "../jobs/job.ts";
import { giveUp, type JobFolder, jobFolderAt, makeJobFolder } from "./job_folder.ts";
import { FolderResponse, type JobResponse } from "./job_response.ts";
import { look } from "./own_folder.ts";
import { largeFileBytes, pieceBytes, smallFileBytes } from "./sizes.ts";
import type { Spool } from "./spool.ts";

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
export interface Workspace extends RunFiles, JobResponse {}

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
    try {
      await spool.ensure();
      checkFolder(folder.path);
    } catch (error) {
      return await giveUp(folder, error);
    }
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

function createIn(
  folder: JobFolder,
  spool: Spool,
  input: JobInput,
  names: FileNames,
): Workspace | Promise<Workspace> {
  const isForm = input.kind === "parts";
  const requestFolder = isForm ? join(folder.path, input.name) : "";
  const requestFile = isForm ? join(requestFolder, input.first) : wholeFileIn(folder, names);
  // A folder of parts may be replaced by a link, so a file in it is not removed by its path.
  if (!isForm) folder.files.push(requestFile);
  folder.large = inputLength(input) > largeFileBytes;
  try {
    const responseFile = createResponseFile(folder, names);
    folder.files.push(responseFile);
    const workspace = new JobWorkspace(spool, folder, responseFile, requestFile, requestFolder);
    const storing = putInto(requestFile, input);
    return storing ? storing.then(() => workspace, (error) => giveUp(folder, error)) : workspace;
  } catch (error) {
    return giveUp(folder, error);
  }
}

/** A class, because every job has one. */
class JobWorkspace extends FolderResponse implements Workspace {
  readonly folder: string;
  readonly requestFile: string;
  readonly requestFolder: string;

  constructor(
    spool: Spool,
    folder: JobFolder,
    responseFile: string,
    requestFile: string,
    requestFolder: string,
  ) {
    super(spool, folder, responseFile);
    this.folder = folder.path;
    this.requestFile = requestFile;
    this.requestFolder = requestFolder;
  }
}

/** Paths of the file of a whole payload, and of the response file, in a folder that serves several jobs. */
export function filesIn(
  folder: JobFolder,
  names: FileNames,
): { readonly wholeFile: string; readonly responseFile: string } {
  const responseName = `${nameStart(names)}_res_${folder.random}${names.responseSuffix}`;
  return { wholeFile: wholeFileIn(folder, names), responseFile: join(folder.path, responseName) };
}

function wholeFileIn({ path, random }: JobFolder, names: FileNames): string {
  return `${path}${sep}${nameStart(names)}_req_${random}${names.requestSuffix}`;
}

function nameStart({ workerId, id }: FileNames): string {
  return `jobdata_w_${workerId}_id_${safeFormOf(id)}`;
}

/** A command may have replaced the folder by a link while the body arrived, and nothing is to be made where that leads. */
function checkFolder(path: string): void {
  if (!Deno.lstatSync(path).isDirectory) {
    throw new Error(`${path}: something else is in the folder's place`);
  }
}

/**
 * Makes the response file, empty, with mode 0600; returns its path. The runtime completes the name with up to 16 hexadecimal
 * digits. A name that is known before costs half as much again, because under path permissions each part of its path is looked at
 * for links.
 */
function createResponseFile(folder: JobFolder, names: FileNames): string {
  return Deno.makeTempFileSync({
    dir: folder.path,
    prefix: `${nameStart(names)}_res_`,
    suffix: names.responseSuffix,
  });
}

const newFile = { createNew: true, mode: 0o600 };

/** Puts the payload into its file; returns a promise only if there is much of it. */
function putInto(requestFile: string, input: JobInput): void | Promise<void> {
  if (input.kind === "parts") return checkParts(requestFile, input);
  if (input.kind === "file") {
    checkName(input.name);
    return Deno.renameSync(join(input.folder, input.name), requestFile);
  }
  if (input.bytes.length <= smallFileBytes) {
    return Deno.writeFileSync(requestFile, input.bytes, newFile);
  }
  return writeLarge(requestFile, input.bytes);
}

async function writeLarge(path: string, bytes: Uint8Array): Promise<void> {
  using file = await Deno.open(path, { ...newFile, write: true });
  await writeInPieces(file, bytes);
}

/** Throws an `Error` unless it is the name of something inside a folder. */
export function checkName(name: string): void {
  if (basename(name) !== name || /^\.{0,2}$/.test(name)) {
    throw new Error(`${name}: must be a file's name`);
  }
}

/** Throws an `Error` unless the parts of a form are there, with a regular file as the first, at this path. */
export function checkParts(
  requestFile: string,
  { folder, name, first }: Extract<JobInput, { kind: "parts" }>,
): void {
  checkName(name);
  checkName(first);
  if (!look(join(folder, name))?.isDirectory || !look(requestFile)?.isFile) {
    throw new Error(`${requestFile}: the file of the form is gone`);
  }
}

/** Writes bytes into an open file without blocking the event loop. Rejects with errors of the file system. */
export async function writeInPieces(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    at += await file.write(bytes.subarray(at, at + pieceBytes));
  }
}

/** An id as part of a file name: every character but letters, digits, dots, dashes and underscores becomes an underscore. */
function safeFormOf(id: string): string {
  return id.slice(0, maxIdInName).replace(/[^A-Za-z0-9._-]/g, "_");
}
