/**
 * The real server, as a child process.
 *
 * @module
 */

import { join } from "node:path";
import { startTask, thisCheckout } from "./checkout.ts";
import { smallEnvironment } from "./environment.ts";
import { BenchFailure } from "./failure.ts";
import type { Target } from "./load_process.ts";

/** A server that listens. Disposing of it stops the process, whatever state it is in. */
export interface Server extends Target, AsyncDisposable {
  /** Its process id. */
  readonly pid: number;
  /** The last lines of its log. */
  logTail(): string;
  /** Sends SIGTERM and waits for the exit. Throws a `BenchFailure` when the status is not 0. */
  stop(): Promise<void>;
}

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
  /** The checkout whose source serves; this one without it. */
  readonly source?: string;
}

const startTimeoutMs = 60_000;
const stopTimeoutMs = 30_000;
const pollMs = 20;

/**
 * Starts `jobrunner serve` from the source on a free port of 127.0.0.1, and waits until it
 * listens.
 */
export async function startServer(options: ServerOptions, signal: AbortSignal): Promise<Server> {
  // A log of its own, since the port is read from it and other servers may have the same folder.
  const log = Deno.makeTempFileSync({ dir: options.folder, prefix: "server-", suffix: ".log" });
  const child = spawnServer(options, log);
  const { pid } = child;
  let exitCode: number | undefined;
  const ended = child.status.then(({ code }) => exitCode = code);
  let asked: Promise<number> | undefined;

  async function end(): Promise<number> {
    if (exitCode === undefined) child.kill("SIGTERM");
    const killer = setTimeout(() => child.kill("SIGKILL"), stopTimeoutMs);
    try {
      return await ended;
    } finally {
      clearTimeout(killer);
    }
  }

  const endOnce = () => asked ??= end();
  try {
    const port = await untilItListens(log, () => exitCode, signal);
    return {
      address: { hostname: "127.0.0.1", port },
      pid,
      logTail: () => tailOf(log),
      async stop() {
        const code = await endOnce();
        if (code === 0) return;
        throw new BenchFailure(`the server exited with ${code}; its log ends:\n${tailOf(log)}`);
      },
      async [Symbol.asyncDispose]() {
        await endOnce();
      },
    };
  } catch (error) {
    await endOnce();
    throw error;
  }
}

/** What `deno task start` runs once everything is in Deno's cache, with the Deno that runs us. */
export function serveCommand(source: string = thisCheckout): string[] {
  const { run, program } = startTask(source);
  return [Deno.execPath(), ...run, ...program];
}

function spawnServer(options: ServerOptions, log: string) {
  const { source = thisCheckout } = options;
  // The shell puts the log into a file, then becomes the server (same pid): a pipe would have this
  // process read a line per job, on the very cores that are measured.
  return new Deno.Command("/bin/sh", {
    args: ["-c", 'log=$1; shift; exec "$@" 2>"$log"', "sh", log, ...serveCommand(source)],
    cwd: source,
    clearEnv: true,
    env: serverEnvironment(options),
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
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
    ...(options.ownSession === undefined ? {} : {
      JOBRUNNER_OWN_SESSION: options.ownSession ? "on" : "off",
    }),
    ...(maxOutputBytes === undefined ? {} : {
      JOBRUNNER_MAX_OUTPUT_BYTES: String(maxOutputBytes),
    }),
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

async function untilItListens(
  log: string,
  exitCode: () => number | undefined,
  signal: AbortSignal,
): Promise<number> {
  const deadline = performance.now() + startTimeoutMs;
  // Polled, since not every container lets a program watch a file.
  while (true) {
    const code = exitCode();
    const port = /listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(Deno.readTextFileSync(log))?.[1];
    if (port !== undefined) return Number(port);
    signal.throwIfAborted();
    if (code !== undefined) {
      throw new BenchFailure(`the server did not start, it exited with ${code}:\n${tailOf(log)}`);
    }
    if (performance.now() > deadline) {
      throw new BenchFailure(
        `the server did not listen within ${startTimeoutMs / 1000} s; its log ends:\n${
          tailOf(log)
        }`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

function tailOf(log: string): string {
  return Deno.readTextFileSync(log).trimEnd().split("\n").slice(-5).join("\n");
}
