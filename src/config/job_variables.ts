/**
 * The variables that a run sets for its command.
 *
 * @module
 */

/** Their names, apart from `JOBRUNNER_CMD`, which is also a setting. */
export const jobVariables = [
  "JOBRUNNER_COMMAND",
  "JOBRUNNER_POOL",
  "JOBRUNNER_WORKER_ID",
  "JOBRUNNER_REQUEST_ID",
  "JOBRUNNER_JOB_DIR",
  "JOBRUNNER_REQUEST_DATA_FN",
  "JOBRUNNER_RESPONSE_DATA_FN",
  "JOBRUNNER_TIMEOUT_SEC",
  "JOBRUNNER_DEADLINE",
] as const;

/** Name of such a variable. */
export type JobVariable = typeof jobVariables[number];
