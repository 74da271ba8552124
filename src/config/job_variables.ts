/**
 * The variables that a run sets for its command.
 *
 * @module
 */

import { settings } from "./settings.ts";

/** Their names, apart from `JOBRUNNER_CMD`, which is also a setting, and those of request headers. */
export const jobVariables = [
  "JOBRUNNER_COMMAND",
  "JOBRUNNER_POOL",
  "JOBRUNNER_WORKER_ID",
  "JOBRUNNER_REQUEST_ID",
  "JOBRUNNER_JOB_DIR",
  "JOBRUNNER_REQUEST_DATA_FN",
  "JOBRUNNER_REQUEST_DIR",
  "JOBRUNNER_RESPONSE_DATA_FN",
  "JOBRUNNER_QUERY_STRING",
  "JOBRUNNER_CONTENT_TYPE",
  "JOBRUNNER_CONTENT_LENGTH",
  "JOBRUNNER_FILENAME",
  "JOBRUNNER_TIMEOUT_SEC",
  "JOBRUNNER_DEADLINE",
] as const;

/** Those that only a command with a name has. */
export const nameVariables: readonly JobVariable[] = ["JOBRUNNER_COMMAND", "JOBRUNNER_POOL"];

/** Name of such a variable. */
export type JobVariable = typeof jobVariables[number];

/** The variable that is `1` in the environment of a warm process; it is also a setting. */
export const warmVariable = "JOBRUNNER_WARM";

/** The variable with which a warm process gets the word that ends its job; no environment of a cold start has it. */
export const endVariable = "JOBRUNNER_END";

/** Name of the variable that holds a request header, by the header's name in any case. */
export function headerVariable(header: string): string {
  return `JOBRUNNER_HTTP_${header.toUpperCase().replace(/[^A-Z0-9]/g, "_")}`;
}

const settingNames: ReadonlySet<string> = new Set(settings.map(({ name }) => name));

/** Whether a variable has the form of those that hold request headers, and is no setting. Case does not matter. */
export function isHeaderVariable(name: string): boolean {
  const upper = name.toUpperCase();
  return upper.startsWith("JOBRUNNER_HTTP_") && !settingNames.has(upper);
}
