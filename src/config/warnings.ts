/**
 * What is legal in a configuration, but probably not what was meant.
 *
 * @module
 */

import type { Config, Surroundings } from "./config.ts";
import type { Command } from "./command.ts";
import { isLoopback } from "./listening.ts";
import { settings } from "./settings.ts";
import { shellSyntaxIn } from "./shell_syntax.ts";

/** Sentences for the log. */
export function warningsOf(
  { work, http, sandbox }: Config,
  { env, os, undecodable }: Pick<Surroundings, "env" | "os" | "undecodable">,
): string[] {
  const warnings: string[] = [];
  const { command } = work;
  if (!command.found) {
    warnings.push(
      `${command.program} is missing or not an executable file: until it is there, every job will end with exit status 126 or 127`,
    );
  }
  const syntax = shellSyntaxOf(command, os);
  if (syntax.length > 0) {
    warnings.push(
      `JOBRUNNER_CMD holds shell syntax (${
        listOf(syntax)
      }), but no shell is run: the program gets it as it stands; name a script, use sh -c '…', or put what is meant literally in single quotes`,
    );
  }
  if (!http.passwordDigest && !isLoopback(http.address)) {
    warnings.push(
      `ANYONE who can reach ${http.address} can run jobs: no password is set (JOBRUNNER_ALLOW_OPEN=on)`,
    );
  }
  if (!sandbox) {
    warnings.push(
      "JOBRUNNER_SANDBOX=off: the service that clients reach runs with EVERY permission of this process",
    );
  }
  const known = new Set<string>([...settings.map((setting) => setting.name), ...jobVariables]);
  for (const name of Object.keys(env)) {
    if (name.startsWith("JOBRUNNER_") && !known.has(name)) {
      warnings.push(
        `${name} is not a setting of this version and is ignored: see jobrunner --help`,
      );
    }
  }
  for (const name of undecodable) {
    warnings.push(`${name} is not UTF-8 text: commands do not see it`);
  }
  return warnings;
}

/** Nothing for a text that as a whole names the program. One made of the words after `--` is quoted all over. */
function shellSyntaxOf({ text, name, program, found }: Command, os: string): readonly string[] {
  if (found && text === name) return [];
  const runsShell = /[\\/](a|ba|da|k|z)?sh(\.exe)?$/i.test(program);
  return shellSyntaxIn(text, { os, runsShell });
}

/** `a`, `a and b`, `a, b and c`. */
function listOf(words: readonly string[]): string {
  const last = words.at(-1) ?? "";
  return words.length < 2 ? last : `${words.slice(0, -1).join(", ")} and ${last}`;
}

/** What a run sets for its command; a jobrunner started by a job inherits them, so they are not reported. */
const jobVariables = [
  "JOBRUNNER_WORKER_ID",
  "JOBRUNNER_REQUEST_ID",
  "JOBRUNNER_JOB_DIR",
  "JOBRUNNER_REQUEST_DATA_FN",
  "JOBRUNNER_RESPONSE_DATA_FN",
  "JOBRUNNER_TIMEOUT_SEC",
  "JOBRUNNER_DEADLINE",
];
