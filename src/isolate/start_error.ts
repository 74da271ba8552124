/**
 * The error of a service that cannot start.
 *
 * @module
 */

/** The service could not start. The message is a sentence for the user. */
export class StartError extends Error {
  /** Distinguishes it from a bug. */
  override readonly name = "StartError";
}
