/**
 * The load: clients that each post one job, wait for its answer and post the next. A process of
 * its own, so that its work does not count as the server's.
 *
 *   load.ts PORT JOBS CLIENTS DEADLINE_SEC
 *
 * Prints one line of JSON, a `LoadResult`. It is bounded twice: by the number of jobs and by the
 * deadline.
 *
 * @module
 */

import { type Answer, connect } from "./client.ts";
import { percentile } from "./statistics.ts";

/** What the clients saw. */
export interface LoadResult {
  /** Jobs that were answered, rightly or not. */
  readonly jobs: number;
  /** Answers other than 200 with exit status 0, and connections that broke. */
  readonly failures: number;
  /** What was wrong with the first of those. */
  readonly firstFailure?: string;
  /** From before the first connection to the last answer, or to the deadline. */
  readonly seconds: number;
  /** Half of the answers took no longer. */
  readonly latencyP50Ms: number;
  /** 99 of 100 answers took no longer. */
  readonly latencyP99Ms: number;
}

/** What the clients do. */
export interface Load {
  /**
   * Where the server listens on 127.0.0.1. No other host can be named: nobody else's machine is
   * loaded.
   */
  readonly port: number;
  /** Jobs, all clients together. */
  readonly jobs: number;
  /** Clients at the same time. */
  readonly clients: number;
  /** When to give up. */
  readonly deadlineSec: number;
}

/** A job with the payload `hello`. */
const body = '{"id":"bench","data":"aGVsbG8="}';

/**
 * Runs the load. After the deadline requests may still be open: the caller's process is expected
 * to end.
 */
export async function load({ port, jobs, clients, deadlineSec }: Load): Promise<LoadResult> {
  const latencies: number[] = [];
  const failures: string[] = [];
  let begun = 0;

  /** Ends when all jobs are begun, or with its connection. */
  async function postJobs(): Promise<void> {
    using client = await connect({ port, path: "/payload", body });
    while (begun < jobs) {
      begun++;
      const start = performance.now();
      const answer = await client.post();
      latencies.push(performance.now() - start);
      const failure = failureOf(answer);
      if (failure !== undefined) failures.push(failure);
    }
  }

  const start = performance.now();
  const all = Promise.all(
    Array.from({ length: clients }, () => postJobs().catch((error) => failures.push(`${error}`))),
  );
  const deadline = Promise.withResolvers<void>();
  const timer = setTimeout(deadline.resolve, deadlineSec * 1000);
  await Promise.race([all, deadline.promise]);
  clearTimeout(timer);
  const seconds = (performance.now() - start) / 1000;
  const ascending = latencies.toSorted((a, b) => a - b);
  const [firstFailure] = failures;
  return {
    jobs: ascending.length,
    failures: failures.length,
    ...(firstFailure === undefined ? {} : { firstFailure }),
    seconds,
    latencyP50Ms: percentile(ascending, 0.5),
    latencyP99Ms: percentile(ascending, 0.99),
  };
}

/** What is wrong with an answer. */
function failureOf({ status, body }: Answer): string | undefined {
  if (status !== 200) return `answer ${status}: ${body.trimEnd()}`;
  try {
    const { exit_status: exitStatus } = JSON.parse(body) as { readonly exit_status?: unknown };
    if (exitStatus === 0) return undefined;
  } catch {
    // Not JSON: the body itself says it best.
  }
  return `answer 200 without exit status 0: ${body.trimEnd()}`;
}

if (import.meta.main) {
  const [port, jobs, clients, deadlineSec] = Deno.args.map(Number);
  if (!port || !jobs || !clients || !deadlineSec) {
    console.error("usage: load.ts PORT JOBS CLIENTS DEADLINE_SEC");
    Deno.exit(2);
  }
  console.log(JSON.stringify(await load({ port, jobs, clients, deadlineSec })));
  Deno.exit(0);
}
