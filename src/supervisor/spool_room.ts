/**
 * The limit of what requests may hold in the spool, if the configuration sets none: it follows from the file system.
 *
 * @module
 */

import { statfsSync } from "node:fs";
import { messageOf } from "../telemetry/log.ts";

/** What requests may hold in the spool. */
export interface SpoolRoom {
  /** Maximum number of bytes; a whole number, always finite. */
  readonly bytes: number;
  /** A sentence for the log: why the limit is probably not the one that is wanted. */
  readonly warning: string | undefined;
}

/** What statfs(2) reports of a file system. */
export interface FileSystem {
  /** Its number; 0 on Windows. */
  readonly type: number;
  /** Preferred size of a transfer; that of a block if `frsize` is absent. */
  readonly bsize: number;
  /** Size of a block in bytes; absent or 0 where it is not reported. */
  readonly frsize?: number;
  /** Number of its blocks; 0 if it has no size of its own. */
  readonly blocks: number;
  /** Number of blocks that are free for users without privileges. */
  readonly bavail: number;
}

/** The types of tmpfs and ramfs. */
const inMemory: readonly number[] = [0x0102_1994, 0x8584_58f6];

/** The limit on a disk that does not report how much is free: a body of `POST /run` of the default maximum size. */
const unknownDiskBytes = 10 * 2 ** 30;

/** The smallest limit on a disk, which may have more room later: while it is full, each write says so. */
const leastBytes = 64 * 2 ** 20;

/** The limit in memory whose size is not known, as in a ramfs: the default of JOBRUNNER_MAX_BUFFERED_BYTES. */
const unknownMemoryBytes = 2 ** 30;

/** Measures the file system that holds the folder. It never throws: a failure counts as a disk of unknown size. */
export function measureSpoolRoom(
  folder: string,
  look: (folder: string) => FileSystem = statfsSync,
): SpoolRoom {
  let found: FileSystem;
  try {
    found = look(folder);
  } catch (error) {
    return unknownDisk(messageOf(error));
  }
  const { type, bsize, frsize, blocks, bavail } = found;
  const blockBytes = frsize || bsize;
  const isKnown = blocks > 0;
  if (inMemory.includes(type)) {
    const bytes = isKnown ? Math.floor(blocks * blockBytes / 4) : unknownMemoryBytes;
    return {
      bytes,
      warning:
        `the spool is in memory: bodies and outputs of POST /run may take ${bytes} bytes of it; set JOBRUNNER_SPOOL_DIR to a folder on a disk`,
    };
  }
  if (!isKnown) return unknownDisk("the file system does not report its size");
  const bytes = Math.floor(bavail * blockBytes * 4 / 5);
  return { bytes: Math.max(bytes, leastBytes), warning: undefined };
}

function unknownDisk(reason: string): SpoolRoom {
  return {
    bytes: unknownDiskBytes,
    warning:
      `it is not known how much room the spool has (${reason}): bodies and outputs of POST /run may take ${unknownDiskBytes} bytes; set JOBRUNNER_MAX_SPOOL_BYTES`,
  };
}
