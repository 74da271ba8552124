/**
 * The program with a warm command that runs its payloads as Python, in one process for all of them; nothing may be left of it at
 * the end.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type Answer, base64, postRaw, scrape, statusOf } from "./client.ts";
import { temporaryFolder } from "./folder.ts";
import { eventually, isAlive, markedIn } from "./processes.ts";
import { fixture, type Program, type ProgramOptions, startProgram } from "./program.ts";
import { filesIn, spoolIn } from "./spool.ts";

/** The command. Its scripts use the names of the fixture. */
export const runPython: string = fixture("warm/run_python.py");

/** A script that shows how many times its process has run it, the id of the process and that of the job. */
export const plain: string = `
kept["count"] = kept.get("count", 0) + 1
print(kept["count"], os.getpid(), job["JOBRUNNER_REQUEST_ID"])`;

/** What a test of warm commands acts on. */
export interface Warm {
  readonly url: string;
  readonly program: Program;
  /** Folder for files of the test. */
  readonly folder: string;
  /** Parent of the server's folder. */
  readonly spool: string;
  /** Posts a script to `/payload`. */
  run(script: string, options?: JobOptions): Promise<Answer>;
  /** Waits until the only worker's process is idle; resolves with its process id. */
  idle(): Promise<number>;
}

/** What a job has besides its payload. */
export interface JobOptions {
  readonly id?: string;
  readonly timeoutSec?: number;
  readonly command?: string;
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
  readonly client?: Deno.HttpClient;
}

/** Posts a payload of text or bytes to `/payload`. */
export function postJob(
  url: string,
  payload: string | Uint8Array,
  { id = "test", timeoutSec, ...options }: JobOptions = {},
): Promise<Answer> {
  const data = typeof payload === "string" ? base64(payload) : payload.toBase64();
  const limit = timeoutSec === undefined ? {} : { timeout_sec: timeoutSec };
  return postRaw(url, JSON.stringify({ id, data, ...limit }), options);
}

/** What the metrics say of all warm commands. */
export interface WarmCounts {
  readonly processes: number;
  /** By `why`. */
  readonly starts: Readonly<Record<string, number>>;
  /** By `why`. */
  readonly ends: Readonly<Record<string, number>>;
  /** By `start`. */
  readonly jobs: Readonly<Record<string, number>>;
  readonly strayBytes: number;
}

/** Fetches what the metrics say, and checks that each process that was started is there or has ended. */
export async function warmCounts(url: string): Promise<WarmCounts> {
  const samples = [...await scrape(url)];
  const sum = (name: string, label: string) => {
    const sums: Record<string, number> = {};
    for (const [key, value] of samples) {
      if (!key.startsWith(`jobrunner_warm_${name}`)) continue;
      const [, of = ""] = new RegExp(`${label}="(\\w+)"`).exec(key) ?? [];
      if (value > 0) sums[of] = (sums[of] ?? 0) + value;
    }
    return sums;
  };
  const counts = {
    processes: total(sum("processes", "command")),
    starts: sum("starts_total", "why"),
    ends: sum("ends_total", "why"),
    jobs: sum("jobs_total", "start"),
    strayBytes: total(sum("stray_bytes_total", "command")),
  };
  assert.equal(total(counts.starts), total(counts.ends) + counts.processes);
  return counts;
}

/** The sum of counts. */
export function total(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

/** Process ids of the warm processes of all workers. */
export async function warmPids(url: string): Promise<number[]> {
  return (await statusOf(url)).worker_states.flatMap(({ warm }) => warm?.pid ?? []);
}

/** Waits until no worker has a job and so many of them have a process; resolves with the process ids. */
export async function idlePids(url: string, count: number): Promise<number[]> {
  let pids: number[] = [];
  await eventually(`${count} processes are idle`, async () => {
    const { busy, worker_states } = await statusOf(url);
    pids = worker_states.flatMap(({ warm }) => warm?.pid ?? []);
    return busy === 0 && pids.length === count;
  });
  return pids;
}

/**
 * Starts a program with one worker, acts, and stops it: it must exit with this status and leave neither a process nor a file. The
 * command and the other settings may be replaced by `env`.
 */
export async function onWarm(
  env: Readonly<Record<string, string>>,
  act: (warm: Warm) => Promise<void>,
  { exitCode = 0, ...options }: ProgramOptions & { readonly exitCode?: number } = {},
): Promise<void> {
  using temporary = temporaryFolder();
  const folder = temporary.path;
  const spool = `${folder}/spool`;
  Deno.mkdirSync(spool);
  await using program = await startProgram({
    ...options,
    env: {
      JOBRUNNER_CMD: runPython,
      JOBRUNNER_WARM: "on",
      JOBRUNNER_NUM_WORKERS: "1",
      JOBRUNNER_KILL_GRACE_SEC: "0.3",
      JOBRUNNER_SPOOL_DIR: spool,
      ...env,
    },
  });
  const { url } = program;
  await act({
    url,
    program,
    folder,
    spool,
    run: (script, options) => postJob(url, script, options),
    idle: async () => (await idlePids(url, 1))[0] as number,
  });
  assert.equal(await program.stop(), exitCode, program.log.join("\n"));
  expectGone(spool);
}

/**
 * A script that ends its job and then does not notice the end of the process's standard input; with `true` SIGTERM neither. The
 * file is there as soon as that is so.
 */
export function deaf(file: string, ignoresSigterm: boolean): string {
  return `
import signal
${ignoresSigterm ? "signal.signal(signal.SIGTERM, signal.SIG_IGN)" : ""}
end()
open("${file}.new", "w").write(str(os.getpid()))
os.rename("${file}.new", "${file}")
time.sleep(600)`;
}

/** Checks that no process and no file of stopped servers is left. */
export function expectGone(spool: string): void {
  assert.deepEqual(markedIn(spool), [], "processes are gone");
  assert.deepEqual([...Deno.readDirSync(spool)], [], "files are gone");
}

/** The files in the spool that are not the folder and the two files of an idle process. */
export function strangeFiles(spool: string): string[] {
  return filesIn(spoolIn(spool)).filter((path) =>
    !/^job-[^/]+(\/jobdata_w_\d+_id_warm_[^/]*)?$/.test(path)
  );
}

/** Waits until a process is gone. */
export async function hasEnded(pid: number): Promise<void> {
  await eventually(`process ${pid} is gone`, () => !isAlive(pid));
}
