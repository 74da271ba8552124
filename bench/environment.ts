/**
 * The environment that a service manager would start the server with.
 *
 * @module
 */

/** What a program needs to find its files, and Deno its cache and its certificates. */
const kept = [
  "PATH",
  "HOME",
  "LANG",
  "TMPDIR",
  "XDG_CACHE_HOME",
  "DENO_DIR",
  "DENO_TLS_CA_STORE",
];

/**
 * A few variables out of many. Each job's command inherits them, so what the caller's shell happens
 * to hold would cost time in every spawn, and some of it would keep the sandbox from starting.
 */
export function smallEnvironment(
  env: Readonly<Record<string, string>> = Deno.env.toObject(),
): Record<string, string> {
  return Object.fromEntries(
    kept.flatMap((name) => {
      const value = env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}
