/**
 * Names of the header fields that server and clients agree on.
 *
 * @module
 */

/** Carries the password of a request. */
export const passwordHeader = "X-JR-PASSWORD";

/** Carries the id that ties a request, its log lines and its answer together; the answer repeats it. */
export const requestIdHeader = "x-request-id";
