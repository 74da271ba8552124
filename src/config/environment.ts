/**
 * What the environment of the server must not hold.
 *
 * @module
 */

/** Variables by which the runtime itself would open a door, and what it would do. */
const doors: Readonly<Record<string, string>> = {
  DENO_SERVE_ADDRESS: "listen there in place of JOBRUNNER_HTTP_LISTEN_ADDRESS",
  DENO_CONNECTED: "serve through a tunnel as well (deno run --tunnel)",
  DENO_TRUST_PROXY_HEADERS: "believe a header of the request about the client's address",
};

/** One sentence for each of them that is set. */
export function doorsOfTheRuntime(env: Readonly<Record<string, string>>): string[] {
  const faults = Object.entries(doors).filter(([name]) => env[name]).map(([name, does]) =>
    `${name}: must be unset: the runtime would ${does}`
  );
  // Its parts may be quoted.
  if (env["NODE_OPTIONS"]?.replace(/["\\]/g, "").includes("--inspect")) {
    faults.push(
      "NODE_OPTIONS: must not hold --inspect: the runtime would open a debugger, through which anyone on this machine could do anything as the server",
    );
  }
  return faults;
}

/**
 * Without a launcher Deno refuses every spawn from a sandboxed isolate while one of these is in the command's environment,
 * because such a variable can make an allowed program load arbitrary code. One sentence for each.
 */
export function refusedByTheSandbox(env: Readonly<Record<string, string>>): string[] {
  return Object.keys(env).filter((name) => /^(LD|DYLD)_/.test(name) && env[name]).map((name) =>
    `${name}: must be unset while the sandbox is on, or no command could start: unset it, or set JOBRUNNER_SANDBOX=off`
  );
}
