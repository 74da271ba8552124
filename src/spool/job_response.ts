/**
 * The end of a job's folder: its response file is read, then the folder is removed.
 *
 * @module
 */

import { capturedLength, nothingCaptured, nothingRead } from "../jobs/job.ts";
import type { JobFolder } from "./job_folder.ts";
import { look } from "./own_folder.ts";
import { openResponse, readResponse, type ResponseFile, unreadable } from "./response.ts";
import { largeFileBytes, smallFileBytes } from "./sizes.ts";
import type { Spool } from "./spool.ts";
import { newOutputPath } from "./stored.ts";

/** Whether the name of an open file cannot be used again before its close. */
const staysNamed = Deno.build.os === "windows";

/** What is done with the response of a run, and with its folder. */
export interface JobResponse {
  /** Reads at most `limit` bytes of the response file. */
  readResponse(limit: number): ResponseFile | Promise<ResponseFile>;
  /**
   * The same, but if there are many bytes they stay in the file, which is open then. It can be read after `remove`, and is
   * removed at its close if it cannot be removed before (Windows).
   */
  openResponse(limit: number): ResponseFile | Promise<ResponseFile>;
  /**
   * Removes the job's folder with everything in it; to be called as soon as the response is read. Rejects with errors of the
   * file system.
   */
  remove(): Promise<void>;
}

/** The response file at a path in a job's folder. A class, because every job has one. */
export class FolderResponse implements JobResponse {
  /** Its absolute path. */
  readonly responseFile: string;
  readonly #spool: Spool;
  readonly #folder: JobFolder;
  #openFiles = 0;
  #isLeft = false;

  /** The file at this path, in the job's folder in the spool. */
  constructor(spool: Spool, folder: JobFolder, responseFile: string) {
    this.#spool = spool;
    this.#folder = folder;
    this.responseFile = responseFile;
  }

  readResponse(limit: number): ResponseFile | Promise<ResponseFile> {
    return this.#isNothing() ? nothingWritten : this.#read(limit);
  }

  openResponse(limit: number): ResponseFile | Promise<ResponseFile> {
    return this.#isNothing() ? nothingWritten : this.#open(limit);
  }

  remove(): Promise<void> {
    return this.#openFiles > 0 ? this.#removeWhileOpen() : this.#folder.remove();
  }

  /**
   * Whether the file is there and empty, as most commands leave it. Then nothing is read, so nothing needs to be repaired, and the
   * removal needs to know only that no link leads elsewhere.
   */
  #isNothing(): boolean {
    try {
      const { isFile, size } = Deno.lstatSync(this.responseFile);
      if (!isFile || size > 0 || !this.#folder.isInPlace()) return false;
      this.#folder.checked = true;
      return true;
    } catch {
      return false;
    }
  }

  async #read(limit: number): Promise<ResponseFile> {
    const without = await this.#lost();
    if (without) return without;
    const response = await readResponse(this.responseFile, limit);
    this.#measure(response);
    this.#folder.checked = response.data.bytes.length <= smallFileBytes;
    return response;
  }

  async #open(limit: number): Promise<ResponseFile> {
    const without = await this.#lost();
    if (without) return without;
    let keptName: string | undefined;
    const onClosed = () => this.#onClosed(keptName);
    const response = openResponse(this.responseFile, limit, onClosed);
    this.#measure(response);
    if (response.data.file) {
      this.#openFiles++;
      if (this.#folder.large || staysNamed) keptName = movedOut(this.responseFile, this.#spool);
    }
    this.#folder.checked = true;
    return response;
  }

  /** Why there is no response, without a look at the file; undefined if it can be read. */
  async #lost(): Promise<ResponseFile | undefined> {
    try {
      await this.#spool.ensure();
    } catch {
      return { data: nothingRead, message: unreadable("the server's folder is damaged") };
    }
    return this.#folder.openAgain() ? undefined : { data: nothingRead, message: goneOrReplaced };
  }

  /** Notes whether the response file is large; most of it may not have been read. */
  #measure({ data }: ResponseFile): void {
    this.#folder.large ||=
      (data.truncated ? sizeOf(this.responseFile) : capturedLength(data)) > largeFileBytes;
  }

  #onClosed(keptName: string | undefined): void {
    this.#openFiles--;
    if (keptName !== undefined) removeOutput(this.#spool, keptName);
    if (this.#isLeft && this.#openFiles === 0) this.#folder.remove().catch(() => {});
  }

  async #removeWhileOpen(): Promise<void> {
    try {
      await this.#folder.remove();
    } catch (error) {
      this.#isLeft = this.#openFiles > 0;
      if (!this.#isLeft || !staysNamed) throw error;
    }
  }
}

const nothingWritten: ResponseFile = { data: nothingCaptured };

/**
 * Gives the open file a name outside the job's folder, which it keeps until it is closed. Without a name, the close would free
 * the space of the file. Returns the path; undefined if it cannot be moved.
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
export function sizeOf(path: string): number {
  try {
    return look(path)?.size ?? 0;
  } catch {
    return 0;
  }
}

function removeOutput(spool: Spool, path: string): void {
  Deno.remove(path).catch(() => spool.leftovers.add(path));
}

const goneOrReplaced =
  "the job's folder was removed or replaced, so the response file was not read";
