/**
 * Ways to run a program with fewer rights, or in a namespace: file modes do not bind root, and only root makes namespaces.
 *
 * @module
 */

/** Runs what follows as the same user; file modes bind it even if that is root. */
export const boundByModes: readonly string[] = Deno.uid() === 0
  ? ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all"]
  : [];

/**
 * Runs what follows as process 1 of a namespace of its own (unshare(1)), and exits with its status. A user other than root becomes root
 * of a user namespace. The signals of a terminal do not reach unshare itself; process 1 is killed with it.
 */
export const asProcess1: readonly string[] = [
  "unshare",
  ...(Deno.uid() === 0 ? [] : ["--user", "--map-root-user"]),
  "--pid",
  "--fork",
  "--mount-proc",
  "--kill-child",
];

/** Runs what follows in a namespace in which this folder lets no program run (mount option noexec). */
export function withoutProgramsIn(folder: string): readonly string[] {
  const script = 'mount -t tmpfs -o noexec tmpfs "$0" && exec "$@"';
  const user = Deno.uid() === 0 ? [] : ["--user", "--map-root-user"];
  return ["unshare", ...user, "--mount", "sh", "-c", script, folder];
}

/**
 * Runs what follows with at most so many processes and threads. They are counted separately: root, who is exempt from the
 * limit, becomes a user of its own that may still open every file; any other user gets a namespace.
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
    // Without it access(2) ignores the right to open every file.
    "--securebits=+no_setuid_fixup",
    "--inh-caps=-all,+dac_override",
    "--ambient-caps=+dac_override",
    ...limit,
  ];
}
