/**
 * A server as a child process.
 *
 * @module
 */

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

/** How the process of a server is started. */
export interface Launch {
  /** The program and its arguments. It reports on stderr where on 127.0.0.1 it listens. */
  readonly command: readonly string[];
  /** The folder that it runs in. */
  readonly cwd: string;
  /** Its whole environment. */
  readonly env: Readonly<Record<string, string>>;
  /** An existing folder for its log. */
  readonly folder: string;
}

const startTimeoutMs = 60_000;
const stopTimeoutMs = 30_000;
const pollMs = 20;

/** Starts a server and waits until it listens. Throws a `BenchFailure` when it does not. */
export async function startProcess(launch: Launch, signal: AbortSignal): Promise<Server> {
  // A log of its own, since the port is read from it and other servers may have the same folder.
  const log = Deno.makeTempFileSync({ dir: launch.folder, prefix: "server-", suffix: ".log" });
  const child = spawnServer(launch, log);
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

function spawnServer({ command, cwd, env }: Launch, log: string) {
  // The shell puts the log into a file, then becomes the server (same pid): a pipe would have this
  // process read a line per job, on the very cores that are measured.
  return new Deno.Command("/bin/sh", {
    args: ["-c", 'log=$1; shift; exec "$@" 2>"$log"', "sh", log, ...command],
    cwd,
    clearEnv: true,
    env: { ...env },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
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
