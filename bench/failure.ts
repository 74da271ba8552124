/**
 * Why there is no result.
 *
 * @module
 */

/**
 * A failure whose message says all a person needs; anything else that is thrown is a bug of the
 * benchmark.
 */
export class BenchFailure extends Error {
  /** Tells it apart in a stack trace. */
  override name = "BenchFailure";
}
