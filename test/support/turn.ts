/**
 * Turns of the event loop.
 *
 * @module
 */

/** Resolves in the next turn: what follows from what has happened, without waiting for anything else, has been done. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}
