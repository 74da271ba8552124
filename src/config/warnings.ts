/**
 * Warnings about a configuration that is valid, but probably not intended.
 *
 * @module
 */

import type { Config, Surroundings } from "./config.ts";
import type { Command } from "./command.ts";
import { isLoopback } from "./listening.ts";
import { endVariable, isHeaderVariable, jobVariables } from "./job_variables.ts";
import { settings } from "./settings.ts";
import { shellSyntaxIn } from "./shell_syntax.ts";

/**
 * Returns the warnings as sentences for the log. `bySetting` says whether JOBRUNNER_CMD sets the command `default`; every other
 * command is in the configuration file.
 */
export function warningsOf(
  { named, commands, http, sandbox, cluster }: Config,
  { env, os, undecodable, nowMs }: Pick<Surroundings, "env" | "os" | "undecodable" | "nowMs">,
  bySetting: boolean,
): string[] {
  const warnings: string[] = [];
  for (const { name, command } of commands) {
    const about = named ? `command ${name}: ` : "";
    if (!command.found) {
      warnings.push(
        `${about}${command.program} is missing or not an executable file: until that is fixed, every job will end with exit status 126 or 127`,
      );
    }
    const syntax = shellSyntaxOf(command, os);
    if (syntax.length > 0) {
      const setting = bySetting && name === "default" ? "JOBRUNNER_CMD" : `commands.${name}.cmd`;
      warnings.push(
        `${about}${setting} contains shell syntax (${
          listOf(syntax)
        }), but no shell is run: the program gets it unchanged; use a script or sh -c '…', or put literal text in single quotes`,
      );
    }
  }
  for (const { name, expiresMs } of http.tokens ?? []) {
    if (nowMs < expiresMs) continue;
    const since = new Date(expiresMs).toISOString();
    warnings.push(`the token ${name} has expired (${since}): requests with it get 401`);
  }
  if (http.socket && !http.trustedProxies.includes("unix")) {
    for (const { name } of http.tokens?.filter(({ addresses }) => addresses) ?? []) {
      warnings.push(
        `the token ${name} has addresses, and a unix socket shows none: requests with it get 403; JOBRUNNER_TRUSTED_PROXIES=unix takes them from X-Forwarded-For`,
      );
    }
  }
  if (cluster && http.tokens) {
    warnings.push(
      "JOBRUNNER_NATS_URL is set beside a tokens file: max_running and max_waiting count the jobs that came to this machine, and the fair queue is off",
    );
  }
  if (!http.passwordDigest && !http.tokens && !http.socket && !isLoopback(http.address)) {
    warnings.push(
      `ANYONE who can reach ${http.address} can run jobs: no password is set (JOBRUNNER_ALLOW_OPEN=on)`,
    );
  }
  if (!sandbox) {
    warnings.push(
      "JOBRUNNER_SANDBOX=off: the service that clients reach runs with EVERY permission of this process",
    );
  }
  // A jobrunner started by a job inherits the job's variables, so they are not reported.
  const known = new Set<string>([
    ...settings.map((setting) => setting.name),
    ...jobVariables,
    endVariable,
  ]);
  const startedByJob = env["JOBRUNNER_JOB_DIR"] !== undefined;
  for (const name of Object.keys(env)) {
    if (startedByJob && isHeaderVariable(name)) continue;
    if (name.startsWith("JOBRUNNER_") && !known.has(name)) {
      warnings.push(
        `${name} is not a setting of this version and is ignored: see jobrunner --help`,
      );
    }
  }
  for (const name of undecodable) {
    warnings.push(`${name} is not UTF-8 text: commands do not get it`);
  }
  return warnings;
}

/** The shell syntax in a command; none if its whole text names the program. Text made from the words after `--` is fully quoted. */
function shellSyntaxOf({ text, name, program, found }: Command, os: string): readonly string[] {
  if (found && text === name) return [];
  const runsShell = /[\\/](a|ba|da|k|z)?sh(\.exe)?$/i.test(program);
  return shellSyntaxIn(text, { os, runsShell });
}

/** Joins words: `a`, `a and b`, `a, b and c`. */
function listOf(words: readonly string[]): string {
  const last = words.at(-1) ?? "";
  return words.length < 2 ? last : `${words.slice(0, -1).join(", ")} and ${last}`;
}
