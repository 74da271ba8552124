/**
 * The error of a service that cannot start.
 *
 * @module
 */

/** The service could not start; the message is a sentence for the user. */
export class StartError extends Error {
  /** Tells it from a bug. */
  override readonly name = "StartError";
}
