/**
 * A command line of ours that cannot be understood.
 *
 * @module
 */

/** The message says what is wrong, in one line. */
export class UsageError extends Error {
  /** Tells it from a bug. */
  override readonly name = "UsageError";
}
