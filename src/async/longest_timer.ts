/**
 * The longest time that a timer of the runtime can count.
 *
 * @module
 */

/** 2^31 - 1 milliseconds, in whole seconds. A longer `setTimeout` would end at once. */
export const longestTimerSec = 2_147_483;
