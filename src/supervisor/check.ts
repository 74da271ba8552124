/**
 * `jobrunner serve --check`: what would be served, by whom, with which permissions.
 *
 * @module
 */

import { userInfo } from "node:os";
import { removeSpool } from "../exec/spool.ts";
import type { Probe, ServiceStart } from "../messages.ts";
import { StartError } from "../start_error.ts";
import { isolateDefaults, type IsolateOptions, probeService } from "./isolate.ts";

/** The report, and whether everything is as it should be. */
export interface CheckReport {
  /** Lines for standard output. */
  readonly lines: readonly string[];
  /** False when the command cannot be run, or the sandbox permits or refuses what it should not. */
  readonly healthy: boolean;
}

/** Looks at everything without serving anything. */
export async function check(
  start: ServiceStart,
  { effective, warnings, path }: {
    readonly effective: readonly string[];
    readonly warnings: readonly string[];
    /** The search path. */
    readonly path: string;
  },
  isolate: IsolateOptions = isolateDefaults,
): Promise<CheckReport> {
  const { command, sandbox } = start.config;
  const { probes, failure } = await tryOut(start, isolate);
  const surprises = sandbox ? probes.filter((probe) => probe.allowed !== probe.expected) : [];
  return {
    healthy: command.found && failure === undefined && surprises.length === 0,
    lines: [
      ...effective,
      "",
      `command: ${command.program}${command.found ? "" : " (missing or not an executable file)"}`,
      ...command.args.map((arg, index) => `argument ${index + 1}: ${arg}`),
      `PATH: ${path}`,
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

/** What the service isolate may do, or why it could not say. Whatever it did, no spool stays. */
async function tryOut(
  start: ServiceStart,
  isolate: IsolateOptions,
): Promise<{ readonly probes: readonly Probe[]; readonly failure?: string }> {
  try {
    return { probes: await probeService(start, isolate) };
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    return { probes: [], failure: error.message };
  } finally {
    removeSpool(start.spool);
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
