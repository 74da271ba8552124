/**
 * Why there is no result.
 *
 * @module
 */

/**
 * A failure whose message is all that a person needs; anything else that is thrown is a bug in the
 * benchmark.
 */
export class BenchFailure extends Error {
  /** Its name in a stack trace. */
  override name = "BenchFailure";
}
