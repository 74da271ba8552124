/**
 * The longest timeout that the runtime supports.
 *
 * @module
 */

/** 2^31 - 1 milliseconds, in whole seconds. A longer `setTimeout` would fire at once. */
export const longestTimerSec = 2_147_483;
