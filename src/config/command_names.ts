/**
 * The names of commands and pools.
 *
 * @module
 */

/** Maximum number of commands. */
export const maxCommands = 64;
