/**
 * The environment that a command gets.
 *
 * @module
 */

import type { LaunchConfig } from "../config/config.ts";
import type { JobVariable } from "../config/job_variables.ts";
import { withheldSettings } from "../config/settings.ts";
import { withoutUrlSecrets } from "../config/shown.ts";
import type { Names } from "../jobs/job.ts";
import { markVariable } from "../spool/spool.ts";

/** Secrets that are not our settings: they belong to the server, its supervisor or its telemetry. */
const foreignSecrets = /^(OTEL_.*_HEADERS|NOTIFY_SOCKET|WATCHDOG_.*|CREDENTIALS_DIRECTORY)$/i;

const ownSecrets: ReadonlySet<string> = new Set(withheldSettings);

/** The server's own trace context is not passed on to jobs. */
const ownTrace = /^(TRACEPARENT|TRACESTATE)$/i;

/**
 * The environment of the server, without secrets and without its own trace context. Names are compared without regard to
 * case, as on Windows.
 */
export function withoutSecrets(env: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).filter(([name, value]) =>
      !ownSecrets.has(name.toUpperCase()) && !foreignSecrets.test(name) && !ownTrace.test(name) &&
      !(/^OTEL_.*_ENDPOINT$/i.test(name) && withoutUrlSecrets(value) !== value)
    ),
  );
}

/**
 * The environment that a command inherits, with the variables of its configuration. `env` is that of the server. On Windows
 * `SystemRoot` is always inherited: without it, sockets, .NET and PowerShell fail.
 */
export function inheritedBy(
  { inheritEnv, env: own }: Pick<LaunchConfig, "inheritEnv" | "env">,
  env: Readonly<Record<string, string>>,
  os: string = Deno.build.os,
): Record<string, string> {
  const [sameName, always] = os === "windows" ? [upperCase, ["SYSTEMROOT"]] : [asGiven, []];
  const overridden = new Set(Object.keys(own).map(sameName));
  const wanted = inheritEnv === "all"
    ? undefined
    : new Set([...inheritEnv.map(sameName), ...always]);
  const inherited = Object.entries(withoutSecrets(env)).filter(([name]) =>
    !overridden.has(sameName(name)) && (wanted?.has(sameName(name)) ?? true)
  );
  return { ...Object.fromEntries(inherited), ...own };
}

const upperCase = (name: string) => name.toUpperCase();
const asGiven = (name: string) => name;

/** The environment of one run: the inherited variables, the run's own variables, and those of the contract. */
export function environmentOf(
  inherited: Readonly<Record<string, string>>,
  variables: Readonly<Record<string, string>>,
  job: {
    /** `JOBRUNNER_CMD`. */
    readonly command: string;
    /** `JOBRUNNER_COMMAND` and `JOBRUNNER_POOL`; undefined for none. */
    readonly names: Names | undefined;
    /** `JOBRUNNER_WORKER_ID`. */
    readonly workerId: number;
    /** `JOBRUNNER_REQUEST_ID`: the client's id. */
    readonly id: string;
    /** `JOBRUNNER_JOB_DIR`; it is unique and therefore marks the job's processes. */
    readonly jobFolder: string;
    /** `JOBRUNNER_REQUEST_DATA_FN`. */
    readonly requestFile: string;
    /** `JOBRUNNER_RESPONSE_DATA_FN`. */
    readonly responseFile: string;
    /** `JOBRUNNER_TIMEOUT_SEC`, and from it `JOBRUNNER_DEADLINE` (Unix seconds); `Infinity` for none. */
    readonly timeoutMs: number;
  },
): Record<string, string> {
  const own: Partial<Record<JobVariable, string>> = {
    ...(job.names ? { JOBRUNNER_COMMAND: job.names.command, JOBRUNNER_POOL: job.names.pool } : {}),
    JOBRUNNER_WORKER_ID: String(job.workerId),
    JOBRUNNER_REQUEST_ID: job.id,
    [markVariable]: job.jobFolder,
    JOBRUNNER_REQUEST_DATA_FN: job.requestFile,
    JOBRUNNER_RESPONSE_DATA_FN: job.responseFile,
  };
  if (job.timeoutMs !== Infinity) {
    own.JOBRUNNER_TIMEOUT_SEC = String(job.timeoutMs / 1000);
    own.JOBRUNNER_DEADLINE = String(Math.floor((Date.now() + job.timeoutMs) / 1000));
  }
  return { ...inherited, ...variables, JOBRUNNER_CMD: job.command, ...own };
}
