/**
 * `jobrunner serve --check`: what would be served, by whom, with which permissions.
 *
 * @module
 */

import { userInfo } from "node:os";
import type { Config } from "../config.ts";
import { withoutSecrets } from "../exec/child_env.ts";
import type { Probe } from "../messages.ts";
import { StartError } from "../start_error.ts";
import { openLog } from "../telemetry/log.ts";
import { type Folders, openFolders } from "./folders.ts";
import { isolateDefaults, type IsolateOptions, probeService } from "./isolate.ts";

/** The report, and whether everything is as it should be. */
export interface CheckReport {
  /** Lines for standard output. */
  readonly lines: readonly string[];
  /** False when the command cannot be run, or the sandbox permits or refuses what it should not. */
  readonly healthy: boolean;
}

/** Looks at everything without serving anything. `env` is the environment of the server. */
export async function check(
  { config, effective, warnings }: {
    readonly config: Config;
    readonly effective: readonly string[];
    readonly warnings: readonly string[];
  },
  env: Readonly<Record<string, string>>,
  isolate: IsolateOptions = isolateDefaults,
): Promise<CheckReport> {
  const { command, sandbox } = config;
  const { probes, failure } = await tryOut(config, env, isolate);
  const surprises = sandbox ? probes.filter((probe) => probe.allowed !== probe.expected) : [];
  return {
    healthy: command.found && failure === undefined && surprises.length === 0,
    lines: [
      ...effective,
      "",
      `command: ${command.program}${command.found ? "" : " (missing or not an executable file)"}`,
      ...command.args.map((arg, index) => `argument ${index + 1}: ${arg}`),
      `PATH: ${env["PATH"] ?? ""}`,
      `user: ${userName()} (uid ${Deno.uid()}, gid ${Deno.gid()})`,
      `working directory: ${Deno.cwd()}`,
      "",
      `sandbox: ${sandbox ? "on" : "off"}`,
      ...probes.map(({ attempt, allowed }) =>
        `probe: ${attempt}: ${allowed ? "allowed" : "refused"}`
      ),
      ...warnings.map((warning) => `warning: ${warning}`),
      ...(failure === undefined ? [] : [`fault: ${failure}`]),
      ...surprises.map(({ attempt, expected }) =>
        `fault: ${attempt}: must be ${expected ? "allowed" : "refused"}`
      ),
    ],
  };
}

/** What the service isolate may do, or why it could not say. Whatever it did, no folder stays. */
async function tryOut(
  config: Config,
  env: Readonly<Record<string, string>>,
  isolate: IsolateOptions,
): Promise<{ readonly probes: readonly Probe[]; readonly failure?: string }> {
  let folders: Folders | undefined;
  try {
    folders = openFolders(config, openLog({ format: config.logFormat, level: config.logLevel }));
    const start = { config, commandEnv: withoutSecrets(env), spool: folders.spool };
    return { probes: await probeService(start, isolate) };
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    return { probes: [], failure: error.message };
  } finally {
    folders?.close();
  }
}

/** A user id in a container often has no name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return "without a name";
  }
}
