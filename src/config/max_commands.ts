/**
 * How many commands there may be. A file of its own, since the service isolate needs no more of their configuration.
 *
 * @module
 */

/** The maximum number of commands, and so of pools. */
export const maxCommands = 64;

/** The maximum number of launchers: those of a configuration are made while those of the one before are still there. */
export const maxLaunchers: number = 2 * maxCommands;
