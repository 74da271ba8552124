/**
 * Rounds times to the precision that the clocks here have.
 *
 * @module
 */

/** Rounds seconds to the microsecond. */
export function toMicroseconds(seconds: number): number {
  return Math.round(seconds * 1e6) / 1e6;
}

/** Rounds seconds to the millisecond. */
export function toMilliseconds(seconds: number): number {
  return Math.round(seconds * 1e3) / 1e3;
}
