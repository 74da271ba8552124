/**
 * The folder and the two files of a process that runs one job after the other.
 *
 * @module
 */

import { join } from "node:path";
import type { JobInput } from "../jobs/job.ts";
import { FolderChanges } from "./folder_changes.ts";
import { giveUp, type JobFolder, jobFolderAt, makeJobFolder } from "./job_folder.ts";
import { FolderResponse, sizeOf } from "./job_response.ts";
import { createKeptFile } from "./kept_file.ts";
import { openRegularFile } from "./regular_file.ts";
import { removeInBackground, removeSmallOrAny } from "./removal.ts";
import { readWith, type ResponseFile } from "./response.ts";
import { largeFileBytes, smallFileBytes, smallOutputBytes } from "./sizes.ts";
import { makeInSpool, type Spool } from "./spool.ts";
import { checkName, checkParts, type FileNames, filesIn, type Workspace } from "./workspace.ts";

/**
 * Files that serve the jobs of one process, one after the other. Folder and paths stay the same, except that a form has paths of
 * its own (`requestFile`, `requestFolder`) until the next `renew`.
 */
export interface KeptWorkspace extends Workspace {
  /**
   * Puts the payload of a job in place; to be called when the workspace is new or was renewed. Rejects with errors of the file
   * system; then only `remove` is left. In any case, nothing remains of the folder that the payload arrived in.
   */
  put(input: JobInput): Promise<void>;
  /**
   * Makes sure that a payload can be put in place: repeats what `renew` did to the two files if something has changed them since.
   * Rejects if that is impossible; then only `remove` is left.
   */
  restore(): Promise<void>;
  /**
   * Makes it ready for another job: both files are empty, and nothing else is in the folder. Rejects if that is impossible, for
   * example because the folder was removed, or a name in it is not UTF-8; then only `remove` is left.
   */
  renew(): Promise<void>;
}

/** A payload that is on the disk already. */
type ArrivedInput = Exclude<JobInput, { kind: "bytes" }>;

/**
 * Size in bytes of a folder, without what is in it, beyond which it is not used again: some ten thousand names. Some file systems
 * never make a folder smaller, so it would be slow to list for every later job.
 */
const largestFolder = 256 * 1024;

/**
 * What the runtime returns in the place of bytes of a name that are not UTF-8. Such a file cannot be removed by its name, only
 * with its folder. Deno 2.7 does not return these names at all, so with it the file stays until then.
 */
const notUtf8 = "\ufffd";

/** Beyond this number, even small files must be removed without blocking the event loop. */
const fewFiles = 10;

/**
 * Makes both files, empty, with mode 0600, in a new folder of the spool, which is repaired if necessary. Rejects with errors of
 * the file system; then nothing is left behind. `staysOpen` is explained at `createKeptFile`, `now` at `FolderChanges`.
 */
export async function createKeptWorkspace(
  spool: Spool,
  names: FileNames,
  staysOpen: boolean = Deno.build.os !== "windows",
  now: () => number = () => performance.now(),
): Promise<KeptWorkspace> {
  const { folder, own } = await makeInSpool(spool, () => {
    const made = makeJobFolder(spool);
    return { folder: made, own: Deno.lstatSync(made.path) };
  });
  const { wholeFile, responseFile } = filesIn(folder, names);
  const request = createKeptFile(wholeFile, staysOpen);
  const response = createKeptFile(responseFile, staysOpen);
  folder.files.push(wholeFile, responseFile);
  const ended = new FolderResponse(spool, folder, responseFile);
  const changes = new FolderChanges(now);
  let requestFile = wholeFile;
  let requestFolder = "";

  /** Makes sure that the folder is still the one that was made, and restores its mode. Returns what it was before that. */
  async function check(): Promise<Deno.FileInfo> {
    await spool.ensure();
    const seen = Deno.lstatSync(folder.path);
    if (!seen.isDirectory || seen.ino !== own.ino || seen.dev !== own.dev || seen.uid !== own.uid) {
      throw new Error(`${folder.path}: something else is in the folder's place`);
    }
    if (seen.size > largestFolder) {
      throw new Error(`${folder.path}: too many files were in it to use it again`);
    }
    if (seen.mode !== own.mode) Deno.chmodSync(folder.path, (own.mode ?? 0o700) & 0o777);
    return seen;
  }

  async function removeOthers(): Promise<void> {
    const found = Array.from(Deno.readDirSync(folder.path), ({ name }) => name);
    if (found.some((name) => name.includes(notUtf8))) {
      throw new Error(`${folder.path}: a file with a name that is not UTF-8 is in it`);
    }
    const others = found.map((name) => join(folder.path, name))
      .filter((path) => path !== wholeFile && path !== responseFile);
    const remove = others.length > fewFiles ? removeInBackground : removeSmallOrAny;
    for (const path of others) await remove(path);
  }

  async function renew(): Promise<void> {
    const seen = await check();
    // On Windows a folder need not have the time of its latest change at once.
    const isKnown = staysOpen && changes.areNone(seen);
    if (!isKnown) await removeOthers();
    await request.renew();
    // Most jobs leave it empty. Whatever else they can have done to it then, `put` makes good.
    if (!isKnown || !response.isEmpty()) await response.renew();
    requestFile = wholeFile;
    requestFolder = "";
    folder.large = false;
  }

  async function restore(): Promise<void> {
    if (request.isReady() && response.isReady()) return;
    await check();
    await request.renew();
    await response.renew();
  }

  /** Takes a payload out of the folder that it arrived in. */
  async function takeOut(source: JobFolder, input: ArrivedInput): Promise<void> {
    await check();
    await restore();
    const path = join(input.folder, input.name);
    if (input.kind === "file") {
      checkName(input.name);
      source.files.push(path);
      const bytes = await smallContent(path);
      return bytes ? request.write(bytes) : request.replaceBy(path);
    }
    checkParts(join(path, input.first), input);
    const place = join(folder.path, input.name);
    await removeInBackground(place);
    Deno.renameSync(path, place);
    requestFile = join(place, input.first);
    requestFolder = place;
  }

  async function putArrived(input: ArrivedInput): Promise<void> {
    const source = jobFolderAt(spool, input.folder);
    source.large = folder.large = input.length > largeFileBytes;
    try {
      await takeOut(source, input);
    } catch (error) {
      return await giveUp(source, error);
    }
    // What cannot be removed is removed with the folder of another job.
    await source.remove().catch(() => {});
  }

  async function putBytes(bytes: Uint8Array): Promise<void> {
    if (bytes.length <= smallFileBytes) return request.write(bytes);
    await check();
    folder.large = bytes.length > largeFileBytes;
    await request.replace(bytes);
  }

  /** Reads the response out of the open file; undefined if it is not open, or has more than `most` bytes. */
  function readKept(limit: number, most: number): Promise<ResponseFile> | undefined {
    const size = response.openSize();
    if (size === undefined || size > most) return undefined;
    folder.large ||= size > largeFileBytes;
    return readWith(size, limit, response.fill);
  }

  const workspace: KeptWorkspace = {
    folder: folder.path,
    get requestFile() {
      return requestFile;
    },
    get requestFolder() {
      return requestFolder;
    },
    responseFile,
    async put(input) {
      if (input.kind !== "bytes") return await putArrived(input);
      await restore();
      await putBytes(input.bytes);
    },
    async readResponse(limit) {
      return await (readKept(limit, Infinity) ?? ended.readResponse(limit));
    },
    async openResponse(limit) {
      const kept = readKept(limit, smallOutputBytes);
      if (kept) return await kept;
      const found = await ended.openResponse(limit);
      if (found.data.file) response.release();
      return found;
    },
    restore,
    renew,
    async remove() {
      for (const file of [request, response]) {
        folder.large ||= sizeOf(file.path) > largeFileBytes;
        file.release();
      }
      folder.checked = false;
      await ended.remove();
    },
  };
  try {
    await renew();
    return workspace;
  } catch (error) {
    return await giveUp(workspace, error);
  }
}

/**
 * The content of a small file, which costs less to copy than to put in the place of another one; undefined if the file is larger.
 * Throws an `Error` if it is not a regular file, and errors of the file system.
 */
async function smallContent(path: string): Promise<Uint8Array | undefined> {
  const file = openRegularFile(path);
  try {
    if (file.length > smallFileBytes) return undefined;
    const bytes = new Uint8Array(file.length);
    for (let length = 0;;) {
      const count = await file.read(bytes.subarray(length));
      if (count === 0) return bytes.subarray(0, length);
      length += count;
    }
  } finally {
    file.close();
  }
}
