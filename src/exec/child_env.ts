/**
 * The environment that a command gets.
 *
 * @module
 */

import type { LaunchConfig } from "../config/config.ts";
import {
  endVariable,
  headerVariable,
  isHeaderVariable,
  type JobVariable,
} from "../config/job_variables.ts";
import { withheldSettings } from "../config/settings.ts";
import { withoutUrlSecrets } from "../config/shown.ts";
import type { Names, RequestFacts } from "../jobs/job.ts";
import { markVariable } from "../spool/spool.ts";

/** Secrets that are not our settings: they belong to the server, its supervisor or its telemetry. */
const foreignSecrets = /^(OTEL_.*_HEADERS|NOTIFY_SOCKET|WATCHDOG_.*|CREDENTIALS_DIRECTORY)$/i;

/** Variables that are not inherited; the last one belongs to the job that started the server. */
const ownSecrets: ReadonlySet<string> = new Set([...withheldSettings, endVariable]);

/** The server's own trace context is not passed on to jobs. */
const ownTrace = /^(TRACEPARENT|TRACESTATE)$/i;

/**
 * The environment of the server, without secrets, without its own trace context and, if a job has started the server, without
 * the headers of that job's request. Names are compared without regard to case, as on Windows.
 */
export function withoutSecrets(env: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).filter(([name, value]) =>
      !ownSecrets.has(name.toUpperCase()) && !foreignSecrets.test(name) && !ownTrace.test(name) &&
      !isHeaderVariable(name) &&
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

/**
 * What the environments of all runs of a command have in common: the inherited variables, and those that are set, but empty,
 * in a run without anything to say.
 */
export function commonEnvironment(
  inherited: Readonly<Record<string, string>>,
  { command, names, passHeaders }: {
    /** `JOBRUNNER_CMD`. */
    readonly command: string;
    /** `JOBRUNNER_COMMAND` and `JOBRUNNER_POOL`; undefined for none. */
    readonly names: Names | undefined;
    /** Names of the request headers that the command gets, each as `JOBRUNNER_HTTP_<NAME>`. */
    readonly passHeaders: readonly string[];
  },
): Record<string, string> {
  const own: Partial<Record<JobVariable, string>> = {
    ...namesIn(names),
    JOBRUNNER_QUERY_STRING: "",
    JOBRUNNER_CONTENT_TYPE: "",
    JOBRUNNER_CONTENT_LENGTH: "",
    JOBRUNNER_FILENAME: "",
  };
  const headers = Object.fromEntries(passHeaders.map((header) => [headerVariable(header), ""]));
  return { ...inherited, JOBRUNNER_CMD: command, ...headers, ...own };
}

/** The variables with the names of a command; none if it has none. */
export function namesIn(names: Names | undefined): Record<string, string> {
  return names ? { JOBRUNNER_COMMAND: names.command, JOBRUNNER_POOL: names.pool } : {};
}

/**
 * The environment of one run: what all runs have in common, the run's own variables, and those of the contract. Every job needs
 * one, so the variables are added to one object instead of being gathered in others first.
 */
export function environmentOf(
  common: Readonly<Record<string, string>>,
  variables: Readonly<Record<string, string>>,
  job: {
    /** `JOBRUNNER_WORKER_ID`. */
    readonly workerId: number;
    /** `JOBRUNNER_REQUEST_ID`: the client's id. */
    readonly id: string;
    /** `JOBRUNNER_JOB_DIR`; it is unique and therefore marks the job's processes. */
    readonly jobFolder: string;
    /** `JOBRUNNER_REQUEST_DATA_FN`. */
    readonly requestFile: string;
    /** `JOBRUNNER_REQUEST_DIR`; empty if the payload is no form. */
    readonly requestFolder: string;
    /** `JOBRUNNER_RESPONSE_DATA_FN`. */
    readonly responseFile: string;
    /** The variables of the request; undefined if it has none. */
    readonly request: RequestFacts | undefined;
    /** `JOBRUNNER_TIMEOUT_SEC`, and from it `JOBRUNNER_DEADLINE` (Unix seconds); `Infinity` for none. */
    readonly timeoutMs: number;
  },
): Record<string, string> {
  const env: Record<string, string> & Partial<Record<JobVariable, string>> = {
    ...common,
    ...variables,
  };
  env.JOBRUNNER_WORKER_ID = String(job.workerId);
  env.JOBRUNNER_REQUEST_ID = job.id;
  env[markVariable] = job.jobFolder;
  env.JOBRUNNER_REQUEST_DATA_FN = job.requestFile;
  env.JOBRUNNER_REQUEST_DIR = job.requestFolder;
  env.JOBRUNNER_RESPONSE_DATA_FN = job.responseFile;
  if (job.request) addRequest(env, job.request);
  if (job.timeoutMs !== Infinity) {
    env.JOBRUNNER_TIMEOUT_SEC = String(job.timeoutMs / 1000);
    env.JOBRUNNER_DEADLINE = String(Math.floor((Date.now() + job.timeoutMs) / 1000));
  }
  return env;
}

function addRequest(
  env: Record<string, string> & Partial<Record<JobVariable, string>>,
  { queryString, contentType, contentLength, filename, headers }: RequestFacts,
): void {
  for (const [header, value] of Object.entries(headers)) env[headerVariable(header)] = value;
  env.JOBRUNNER_QUERY_STRING = queryString;
  env.JOBRUNNER_CONTENT_TYPE = contentType;
  env.JOBRUNNER_CONTENT_LENGTH = String(contentLength);
  env.JOBRUNNER_FILENAME = filename;
}
