/**
 * The real server, and how it is started.
 *
 * @module
 */

import { join } from "node:path";
import { startTask, thisCheckout } from "./checkout.ts";
import { smallEnvironment } from "./environment.ts";
import { type Server, startProcess } from "./server_process.ts";

export type { Server } from "./server_process.ts";

/** How the server is started, beyond its defaults. */
export interface ServerOptions {
  /** The command of each job, with its arguments, as `JOBRUNNER_CMD` takes it. */
  readonly command: string;
  /** Jobs at the same time. */
  readonly workers: number;
  /** Jobs that may wait. */
  readonly queueLimit: number;
  /** Bytes kept of each output; the default without it. */
  readonly maxOutputBytes?: number;
  /** An existing folder for its log and its spool. */
  readonly folder: string;
  /** Whether its processes are started before their jobs. */
  readonly warm?: boolean;
  /** Whether each process has a session of its own; the default without it. */
  readonly ownSession?: boolean;
  /** Whether a configuration file names three commands, each the same program with its own workers. */
  readonly named?: boolean;
  /** Its tokens file; without it no client has a token. */
  readonly tokensFile?: string;
  /** The group of machines that it shares its queue with; without it the queue is its own. */
  readonly group?: GroupOptions;
  /** The checkout whose source serves; this one without it. */
  readonly source?: string;
}

/** A group of machines that share a queue. */
export interface GroupOptions {
  /** The NATS servers, as `JOBRUNNER_NATS_URL` takes them. */
  readonly natsUrl: string;
  /** Its name. */
  readonly name: string;
  /** How many NATS servers keep each job. */
  readonly replicas: number;
}

/**
 * Starts `jobrunner serve` from the source on a free port of 127.0.0.1, and waits until it
 * listens.
 */
export async function startServer(options: ServerOptions, signal: AbortSignal): Promise<Server> {
  const { source = thisCheckout, folder } = options;
  const command = serveCommand(source);
  const env = serverEnvironment(options);
  return await startProcess({ command, cwd: source, env, folder }, signal);
}

/** What `deno task start` runs once everything is in Deno's cache, with the Deno that runs us. */
export function serveCommand(source: string = thisCheckout): string[] {
  const { run, program } = startTask(source);
  return [Deno.execPath(), ...run, ...program];
}

/** The whole environment of a server under test. */
export function serverEnvironment(
  { command, workers, queueLimit, maxOutputBytes, folder, ...options }: ServerOptions,
): Record<string, string> {
  return {
    ...smallEnvironment(),
    ...(options.named
      ? { JOBRUNNER_CONFIG_FILE: configFile(folder, command) }
      : { JOBRUNNER_CMD: command }),
    JOBRUNNER_NUM_WORKERS: String(workers),
    JOBRUNNER_QUEUE_LIMIT: String(queueLimit),
    JOBRUNNER_HTTP_LISTEN_ADDRESS: "127.0.0.1",
    JOBRUNNER_HTTP_LISTEN_PORT: "0",
    JOBRUNNER_LOG_FORMAT: "json",
    JOBRUNNER_SANDBOX: "on",
    // Inside our folder, so that even a killed server leaves nothing, and the spools of other servers
    // are not searched.
    JOBRUNNER_SPOOL_DIR: folder,
    ...(options.warm ? { JOBRUNNER_WARM: "on" } : {}),
    ...(options.tokensFile === undefined ? {} : { JOBRUNNER_TOKENS_FILE: options.tokensFile }),
    ...(options.ownSession === undefined ? {} : {
      JOBRUNNER_OWN_SESSION: options.ownSession ? "on" : "off",
    }),
    ...(options.group ? groupEnvironment(options.group) : {}),
    ...(maxOutputBytes === undefined ? {} : {
      JOBRUNNER_MAX_OUTPUT_BYTES: String(maxOutputBytes),
    }),
  };
}

function groupEnvironment({ natsUrl, name, replicas }: GroupOptions): Record<string, string> {
  return {
    JOBRUNNER_NATS_URL: natsUrl,
    JOBRUNNER_NATS_GROUP: name,
    JOBRUNNER_NATS_REPLICAS: String(replicas),
  };
}

/** The commands that a named server has. */
export const commandNames = ["one", "two", "three"] as const;

/** Writes a configuration file with these commands and returns its path. */
function configFile(folder: string, command: string): string {
  const path = join(folder, "jobrunner.toml");
  const tables = commandNames.map((name) =>
    `[commands.${name}]\ncmd = ${JSON.stringify(command)}\n`
  );
  Deno.writeTextFileSync(path, tables.join("\n"));
  return path;
}
