/**
 * Waiting with a time limit.
 *
 * @module
 */

/** Resolves when `done` does, or after `ms` milliseconds. Rejects if `done` rejects first. */
export async function atMost(ms: number, done: Promise<unknown> | undefined): Promise<void> {
  let timer;
  const time = new Promise<void>((resolve) => timer = setTimeout(resolve, ms));
  try {
    await Promise.race([done, time]);
  } finally {
    clearTimeout(timer);
  }
}
