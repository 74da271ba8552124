/**
 * Limits how often something is done.
 *
 * @module
 */

/**
 * Returns a function that returns true at its first call, and again once this many milliseconds have passed since. `now` is a
 * monotonic clock in milliseconds.
 */
export function atMostEvery(
  periodMs: number,
  now: () => number = () => performance.now(),
): () => boolean {
  let last = -Infinity;
  return () => {
    const isDue = now() - last >= periodMs;
    if (isDue) last = now();
    return isDue;
  };
}
