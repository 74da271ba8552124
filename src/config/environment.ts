/**
 * Variables that the environment of the server must not contain.
 *
 * @module
 */

/** Variables that would make the runtime itself open the server to others, and what the runtime would do. */
const opening: Readonly<Record<string, string>> = {
  DENO_SERVE_ADDRESS: "listen there instead of at JOBRUNNER_HTTP_LISTEN_ADDRESS",
  DENO_CONNECTED: "also serve through a tunnel (deno run --tunnel)",
  DENO_TRUST_PROXY_HEADERS: "trust a request header for the client's address",
};

/** Returns one error for each variable that is set and would make the runtime open the server to others. */
export function variablesThatOpenTheServer(env: Readonly<Record<string, string>>): string[] {
  const errors = Object.entries(opening).filter(([name]) => env[name]).map(([name, does]) =>
    `${name}: must be unset: the runtime would ${does}`
  );
  // Parts of the value may be quoted.
  if (env["NODE_OPTIONS"]?.replace(/["\\]/g, "").includes("--inspect")) {
    errors.push(
      "NODE_OPTIONS: must not contain --inspect: the runtime would open a debugger, through which anyone on this machine could do anything as the server",
    );
  }
  return errors;
}

/**
 * Returns one error for each variable that no command could be started with. Without a launcher, Deno refuses every spawn from
 * a sandboxed isolate if the command's environment holds one of these, because such a variable can make an allowed program
 * load arbitrary code.
 */
export function refusedByTheSandbox(env: Readonly<Record<string, string>>): string[] {
  return Object.keys(env).filter((name) => /^(LD|DYLD)_/.test(name) && env[name]).map((name) =>
    `${name}: must be unset while the sandbox is on, since no command could start: unset it, or set JOBRUNNER_SANDBOX=off`
  );
}

/** The environment under the names that settings have: on Windows the case of a name does not matter. */
export function withNamesOf(
  os: string,
  env: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  if (os !== "windows") return env;
  return Object.fromEntries(
    Object.entries(env).map(([name, value]) => [name.toUpperCase(), value]),
  );
}
