/**
 * Turns of the event loop.
 *
 * @module
 */

/** Resolves in the next turn: by then, everything that waits for no further event has been done. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}
