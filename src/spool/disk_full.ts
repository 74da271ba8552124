/**
 * Tells a full disk from other errors of the file system.
 *
 * @module
 */

/** There is no room on the disk (ENOSPC), or the user may not have more (EDQUOT). */
export class DiskFullError extends Error {
  /** Name of this kind of error. */
  override readonly name = "DiskFullError";
}

/** A `DiskFullError` in the place of an error that means a full disk; any other error as it is. */
export function orDiskFull(error: unknown): unknown {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return code === "ENOSPC" || code === "EDQUOT"
    ? new DiskFullError(String(message), { cause: error })
    : error;
}
