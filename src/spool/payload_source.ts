/**
 * Reads the payload of a job that has not begun, in parts and several times, for another machine that is to run it.
 *
 * @module
 */

import { join } from "node:path";
import type { JobInput, StoredFile } from "../jobs/job.ts";
import { partsListName } from "./inbox.ts";
import { openSeen } from "./regular_file.ts";
import { storedFile } from "./stored.ts";

/** A payload that is open. */
export interface PayloadSource {
  /** Lengths in bytes of its files: those of a form one after the other, the last one `parts.json`; otherwise the whole. */
  readonly lengths: readonly number[];
  /**
   * Reads so many bytes from a position into new memory; the files follow each other. Rejects with errors of the file system, also
   * if there are fewer bytes.
   */
  read(at: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
  /** Closes its files. Idempotent. */
  close(): void;
}

/** Opens a payload. Throws errors of the file system. */
export function openPayload(input: JobInput): PayloadSource {
  switch (input.kind) {
    case "bytes":
      return {
        lengths: [input.bytes.length],
        // A copy: the message that it is for may be sent when the payload is gone.
        read: (at, length) => Promise.resolve(input.bytes.slice(at, at + length)),
        close() {},
      };
    case "file":
      return sourceOf([open(join(input.folder, input.name))]);
    case "parts": {
      const folder = join(input.folder, input.name);
      const names = [...Deno.readDirSync(folder)].map(({ name }) => name)
        .filter((name) => name !== partsListName).sort();
      const files: StoredFile[] = [];
      try {
        for (const name of [...names, partsListName]) files.push(open(join(folder, name)));
        return sourceOf(files);
      } catch (error) {
        for (const file of files) file.close();
        throw error;
      }
    }
  }
}

function open(path: string): StoredFile {
  const found = openSeen(path, Deno.lstatSync(path));
  if (!found) throw new Error(`${path}: must be a regular file`);
  return storedFile(found.descriptor, found.size, () => {});
}

function sourceOf(files: readonly StoredFile[]): PayloadSource {
  return {
    lengths: files.map(({ length }) => length),
    async read(at, length) {
      const memory = new Uint8Array(length);
      let begin = 0;
      let read = 0;
      for (const file of files) {
        while (read < length && at + read < begin + file.length) {
          const count = await file.read(at + read - begin, memory.subarray(read));
          if (count === 0) throw new Error("a file of the payload is shorter than it was");
          read += count;
        }
        begin += file.length;
      }
      if (read < length) throw new Error("the payload is shorter than that");
      return memory;
    },
    close() {
      for (const file of files) file.close();
    },
  };
}
