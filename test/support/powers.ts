/**
 * Ordinary users' rights: root may do anything to any file, so a test of modes must do without root's capabilities.
 *
 * @module
 */

/** Runs what follows as the same user, but bound by the modes of files also when that is root. */
export const boundByModes: readonly string[] = Deno.uid() === 0
  ? ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all"]
  : [];
