/**
 * Powers that a test must do without, or cannot do without: of a file's modes root sees nothing, and only root makes namespaces.
 *
 * @module
 */

/** Runs what follows as the same user, but bound by the modes of files also when that is root. */
export const boundByModes: readonly string[] = Deno.uid() === 0
  ? ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all"]
  : [];

/**
 * Runs what follows as process 1 of a namespace of its own (unshare(1)), and ends with its status. Who is not root becomes root of a
 * user namespace. The signals of a terminal do not reach unshare itself; process 1 ends with it.
 */
export const asProcess1: readonly string[] = [
  "unshare",
  ...(Deno.uid() === 0 ? [] : ["--user", "--map-root-user"]),
  "--pid",
  "--fork",
  "--mount-proc",
  "--kill-child",
];

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
