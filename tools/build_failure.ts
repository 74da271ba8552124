/**
 * Why a build stops.
 *
 * @module
 */

/** The message is one line for the user. */
export class BuildFailure extends Error {
  /** Tells it from a bug. */
  override readonly name = "BuildFailure";
}
