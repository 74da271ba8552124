/**
 * Files of a request without a disk.
 *
 * @module
 */

import { createByteBuffer } from "../../src/async/bytes.ts";
import type { DiskShare } from "../../src/jobs/job.ts";
import type { FileWriter, Inbox } from "../../src/spool/inbox.ts";

/** Work on files that a test can let fail or wait. */
export interface FileWork {
  readonly open?: () => Promise<void>;
  readonly write?: () => Promise<void>;
  readonly end?: () => Promise<void>;
}

/** An inbox in memory. It keeps copies, because the memory of what it is given is used again. */
export function inboxInMemory(work: FileWork = {}) {
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  const expected: number[] = [];
  async function open(name: string): Promise<FileWriter> {
    await work.open?.();
    const buffer = createByteBuffer();
    return {
      name,
      get length() {
        return buffer.length;
      },
      async write(bytes) {
        const copy = bytes.slice();
        await work.write?.();
        buffer.append(copy);
      },
      async end() {
        await work.end?.();
        files.set(name, buffer.bytes());
      },
    };
  }
  let parts = 0;
  const inbox: Inbox = {
    openBody(length) {
      expected.push(length);
      return open("body");
    },
    openPart: () => open(String(++parts).padStart(3, "0")),
    complete() {
      const length = [...files.values()].reduce((sum, { length }) => sum + length, 0);
      return Promise.resolve({ kind: "file", folder: "/job", name: "body", length });
    },
    discard: () => Promise.resolve(),
  };
  /** What has been written and closed, by name; and the lengths that bodies were opened with. */
  return { inbox, files, expected };
}

/** Disk space of one request. `taken` counts what was granted. */
export function diskShare(limit = Infinity): DiskShare & { readonly taken: number } {
  let taken = 0;
  const take = (bytes: number) => {
    if (taken + bytes > limit) return false;
    taken += bytes;
    return true;
  };
  return {
    get taken() {
      return taken;
    },
    takeBody: take,
    take,
    release: () => void (taken = 0),
  };
}
