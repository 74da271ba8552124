/**
 * Whether anything has happened to the names in a folder, without listing them.
 *
 * @module
 */

/**
 * No change time is coarser than this, in milliseconds: Deno returns whole seconds, FAT has even ones. So two changes that are at
 * least this far apart have different times.
 */
const coarsestMs = 2000;

/**
 * The changes of one folder. Making, renaming, linking and removing a file change the change time of its folder (POSIX, "file
 * times update"), which nobody can set. It may be the time of another machine, so it is only compared with itself.
 */
export class FolderChanges {
  readonly #now: () => number;
  #changedMs: number | undefined;
  #seenMs = 0;
  #isKnown = false;

  /** Makes one; `now` is a monotonic clock in milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /**
   * Whether the names are certain to be those that were there after an earlier call, which returned false. If it returns false,
   * the caller has to look at the names. `folder` is what `lstat` has just returned.
   */
  areNone({ ctime }: Deno.FileInfo): boolean {
    const changedMs = ctime?.getTime();
    if (changedMs === undefined || changedMs !== this.#changedMs) {
      this.#changedMs = changedMs;
      this.#seenMs = this.#now();
      this.#isKnown = false;
    } else if (!this.#isKnown) {
      this.#isKnown = this.#now() - this.#seenMs >= coarsestMs;
      return false;
    }
    return this.#isKnown;
  }
}
