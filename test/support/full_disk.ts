/**
 * A disk that is full, for tests that are not root.
 *
 * @module
 */

/** The error of the file system when there is no room, with this code. */
export function noSpace(code = "ENOSPC"): Error {
  return Object.assign(new Error("No space left on device (os error 28)"), { code });
}

/** Lets every write into a file of the runtime fail until it is disposed of. */
export function fullDisk(): Disposable {
  const { write, writeSync } = Deno.FsFile.prototype;
  Deno.FsFile.prototype.write = () => Promise.reject(noSpace());
  Deno.FsFile.prototype.writeSync = () => {
    throw noSpace();
  };
  return {
    [Symbol.dispose]() {
      Object.assign(Deno.FsFile.prototype, { write, writeSync });
    },
  };
}
