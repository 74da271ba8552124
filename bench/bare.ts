/**
 * The bare server, and how it is started.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { thisCheckout } from "./checkout.ts";
import { smallEnvironment } from "./environment.ts";
import { type Server, startProcess } from "./server_process.ts";

/** How the bare server is started. */
export interface BareOptions {
  /** Absolute path of the program of each job. */
  readonly program: string;
  /** Jobs at the same time. */
  readonly workers: number;
  /** An existing folder for its log and the files of its jobs. */
  readonly folder: string;
}

/**
 * Starts `bare_server.ts` on a free port of 127.0.0.1, and waits until it listens. The runtime gets no
 * V8 flags and has its own defaults.
 */
export function startBareServer(
  { program, workers, folder }: BareOptions,
  signal: AbortSignal,
): Promise<Server> {
  const file = fileURLToPath(new URL("bare_server.ts", import.meta.url));
  const flags = ["-A", "--no-prompt", "--cached-only"];
  const command = [Deno.execPath(), "run", ...flags, file, program, folder, `${workers}`];
  return startProcess({ command, cwd: thisCheckout, env: smallEnvironment(), folder }, signal);
}
