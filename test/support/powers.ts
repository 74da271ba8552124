/**
 * Ordinary users' rights: root may do anything to any file, so a test of modes must do without root's capabilities.
 *
 * @module
 */

/** Runs what follows as the same user, but bound by the modes of files also when that is root. */
export const boundByModes: readonly string[] = Deno.uid() === 0
  ? ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all"]
  : [];

/**
 * Runs what follows with at most so many processes and threads. They are counted apart from all others: root, whom no limit
 * binds, becomes a user of its own who may still open every file; anybody else gets a namespace.
 */
export function boundByCount(most: number): readonly string[] {
  const limit = ["prlimit", `--nproc=${most}`];
  if (Deno.uid() !== 0) return ["unshare", "--user", "--map-current-user", ...limit];
  const id = 1_000_000 + Math.floor(Math.random() * 1_000_000);
  return [
    "setpriv",
    `--reuid=${id}`,
    `--regid=${id}`,
    "--clear-groups",
    // Without it access(2) does not know of the right to open files.
    "--securebits=+no_setuid_fixup",
    "--inh-caps=-all,+dac_override",
    "--ambient-caps=+dac_override",
    ...limit,
  ];
}
