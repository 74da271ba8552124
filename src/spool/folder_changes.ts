/**
 * Whether anything has happened to the names in a folder, without listing them.
 *
 * @module
 */

/** No time of a file is coarser than this, in milliseconds (FAT). */
const coarsestMs = 2000;

/** Nor than this if it is no whole second; the clock that Linux takes for it ticks every 10 ms or more often. */
const finerMs = 100;

/**
 * The changes of one folder. Making, renaming, linking and removing a file set the times of modification and of change of its
 * folder. Two changes have different times if more time lies between them than the file system can tell. The times may be those
 * of another machine, so they are only compared with each other.
 */
export class FolderChanges {
  readonly #now: () => number;
  #modifiedMs: number | undefined;
  /** Whole seconds. Nobody can set it, so a change can be hidden, by setting the time above, for a second at most. */
  #changedMs: number | undefined;
  /** When both were seen first. */
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
  areNone({ mtime, ctime }: Deno.FileInfo): boolean {
    if (!mtime || !ctime) return false;
    const [modifiedMs, changedMs] = [mtime.getTime(), ctime.getTime()];
    if (modifiedMs !== this.#modifiedMs || changedMs !== this.#changedMs) {
      this.#modifiedMs = modifiedMs;
      this.#changedMs = changedMs;
      this.#seenMs = this.#now();
      this.#isKnown = false;
      return false;
    }
    if (this.#isKnown) return true;
    this.#isKnown = this.#now() - this.#seenMs >= (modifiedMs % 1000 === 0 ? coarsestMs : finerMs);
    return false;
  }
}
