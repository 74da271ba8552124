/**
 * The end of a job's folder: its response file is read, then the folder is removed.
 *
 * @module
 */

import { capturedLength, nothingRead } from "../jobs/job.ts";
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

/** The response file at this path in a job's folder. */
export function createJobResponse(
  spool: Spool,
  folder: JobFolder,
  responseFile: string,
): JobResponse {
  let openFiles = 0;
  let isLeft = false;

  function onClosed(keptName: string | undefined): void {
    openFiles--;
    if (keptName !== undefined) removeOutput(spool, keptName);
    if (isLeft && openFiles === 0) folder.remove().catch(() => {});
  }

  /** Why there is no response, without a look at the file; undefined if it can be read. */
  async function lost(): Promise<ResponseFile | undefined> {
    try {
      await spool.ensure();
    } catch {
      return { data: nothingRead, message: unreadable("the server's folder is damaged") };
    }
    return folder.openAgain() ? undefined : { data: nothingRead, message: goneOrReplaced };
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
      isLeft = openFiles > 0;
      if (!isLeft || !staysNamed) throw error;
    }
  }

  return {
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
      let keptName: string | undefined;
      const response = openResponse(responseFile, limit, () => onClosed(keptName));
      measure(response);
      if (response.data.file) {
        openFiles++;
        if (folder.large || staysNamed) keptName = movedOut(responseFile, spool);
      }
      folder.checked = true;
      return response;
    },
    remove: () => openFiles > 0 ? removeWhileOpen() : folder.remove(),
  };
}

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
