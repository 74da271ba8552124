/**
 * Names of the header fields that the server and its clients share.
 *
 * @module
 */

/** Carries the password of a request. */
export const passwordHeader = "X-JR-PASSWORD";

/** Carries the id that links a request to its log lines and its answer; the answer repeats it. */
export const requestIdHeader = "x-request-id";
