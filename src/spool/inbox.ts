/**
 * Receives the body of a request into the folder of its job, before a worker is known.
 *
 * @module
 */

import { join } from "node:path";
import type { JobInput } from "../jobs/job.ts";
import { orDiskFull } from "./disk_full.ts";
import { createFileWriter, type FileWriter, type OpenWriter } from "./file_writer.ts";
import { makeJobFolder } from "./job_folder.ts";
import { folderAt, makeFolder, type OwnFolder } from "./own_folder.ts";
import { largeFileBytes } from "./sizes.ts";
import { makeInSpool, type Spool } from "./spool.ts";

export { DiskFullError } from "./disk_full.ts";
export type { FileWriter } from "./file_writer.ts";

/** The folder of a job whose request is arriving. Either one body is written into it, or parts. */
export interface Inbox {
  /** Begins the file of a whole body. `expected` is its length in bytes, 0 if that is not known. */
  openBody(expected: number): Promise<FileWriter>;
  /** Begins the next file of a form: `001`, `002` and so on, with the suffix of the command's request files. */
  openPart(): Promise<FileWriter>;
  /**
   * Completes the payload. `list` is the text of `parts.json` if the files are parts of a form; if there is none among them, an
   * empty one is made. All files must have ended. The folder then belongs to the job's run, if there is one.
   */
  complete(list?: string): Promise<JobInput>;
  /**
   * Closes what is open and removes everything; for a request that does not become a job, or a job that no run in this process has
   * begun with: not to be called once a run has the payload. Idempotent; does not reject.
   */
  discard(): Promise<void>;
}

/** Name of the file of a whole body. */
const bodyName = "body";

/** Name of the folder that holds the parts of a form. */
const partsName = "request";

/** Name of the list of the parts of a form, in their folder. */
export const partsListName = "parts.json";

/**
 * Makes the folder of a job in the spool, which is repaired if necessary. `suffix` is appended to the names of the parts of a
 * form. Rejects with a `DiskFullError` if the disk is full, and with errors of the file system.
 *
 * A command runs as the same user and can replace a folder meanwhile, for example by a link, so each folder is compared with the
 * one that was made before a file is made in it.
 */
export async function openInbox(spool: Spool, suffix: string): Promise<Inbox> {
  const job = await makeInSpool(spool, () => {
    const folder = makeJobFolder(spool);
    return { folder, own: folderAt(folder.path) };
  }).catch(rethrow);
  const { path: folder } = job.folder;
  const partsFolder = join(folder, partsName);
  let ownParts: OwnFolder | undefined;
  const writers: OpenWriter[] = [];
  let state: "open" | "complete" | "discarded" = "open";

  function checkOpen(): void {
    if (state !== "open") throw new Error(`${folder}: the job's folder is no longer filled`);
  }

  /** Makes sure that the folder of the job is the one that was made, and that it is not being removed. */
  async function check(): Promise<void> {
    await spool.ensure();
    checkOpen();
    if (!job.own.isSound()) throw replaced(folder);
  }

  async function openBody(expected: number): Promise<OpenWriter> {
    await check();
    const path = join(folder, bodyName);
    const writer = createFileWriter(path, expected);
    job.folder.files.push(path);
    writers.push(writer);
    return writer;
  }

  async function openInParts(name: string, expected: number): Promise<OpenWriter> {
    await check();
    try {
      ownParts ??= makeFolder(partsFolder);
    } catch (error) {
      throw orDiskFull(error);
    }
    if (!ownParts.isSound()) throw replaced(partsFolder);
    const writer = createFileWriter(join(partsFolder, name), expected);
    writers.push(writer);
    return writer;
  }

  const openPart = () => openInParts(`${String(writers.length + 1).padStart(3, "0")}${suffix}`, 0);

  async function completeBody(): Promise<JobInput> {
    const [body = await ended(openBody(0))] = writers;
    return { kind: "file", folder, name: body.name, length: body.length };
  }

  async function completeParts(list: string): Promise<JobInput> {
    const [first = await ended(openPart())] = writers;
    const length = lengthOf(writers);
    const text = new TextEncoder().encode(list);
    await ended(openInParts(partsListName, text.length), text);
    return { kind: "parts", folder, name: partsName, first: first.name, length };
  }

  async function removeAll(): Promise<void> {
    for (const writer of writers) writer.close();
    job.folder.large = lengthOf(writers) > largeFileBytes;
    // What cannot be removed is removed with the folder of another job.
    await job.folder.remove().catch(() => {});
  }

  let discarding: Promise<void> | undefined;
  return {
    openBody,
    openPart,
    async complete(list) {
      const input = await (list === undefined ? completeBody() : completeParts(list));
      checkOpen();
      state = "complete";
      return input;
    },
    async discard() {
      state = "discarded";
      await (discarding ??= removeAll());
    },
  };
}

/** Writes all of a file. */
async function ended(
  opening: Promise<OpenWriter>,
  content?: Uint8Array<ArrayBuffer>,
): Promise<OpenWriter> {
  const writer = await opening;
  if (content) await writer.write(content);
  await writer.end();
  return writer;
}

function lengthOf(writers: readonly OpenWriter[]): number {
  return writers.reduce((sum, { length }) => sum + length, 0);
}

function rethrow(error: unknown): never {
  throw orDiskFull(error);
}

function replaced(path: string): Error {
  return new Error(`${path}: something else is in the folder's place`);
}
