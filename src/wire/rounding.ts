/**
 * Times without digits that no clock here has.
 *
 * @module
 */

/** Seconds, to the microsecond. */
export function toMicroseconds(seconds: number): number {
  return Math.round(seconds * 1e6) / 1e6;
}

/** Seconds, to the millisecond. */
export function toMilliseconds(seconds: number): number {
  return Math.round(seconds * 1e3) / 1e3;
}
