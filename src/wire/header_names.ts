/**
 * Names of the header fields that the server and its clients share.
 *
 * @module
 */

/** Carries the password of a request. */
export const passwordHeader = "X-JR-PASSWORD";

/** Carries the id that links a request to its log lines and its answer; the answer repeats it. */
export const requestIdHeader = "x-request-id";

/** Carries the id of a job whose request has no JSON to carry it. */
export const idHeader = "X-JR-Id";

/** Carries the client's time limit for such a job, in seconds. */
export const timeoutHeader = "X-JR-Timeout-Sec";
