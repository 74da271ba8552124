/**
 * Small jobs: clients that each post one job, wait for its answer and post the next, at once or after
 * a pause.
 *
 * @module
 */

import { type Address, type Answer, connect } from "../client.ts";
import { postRequest } from "../request.ts";
import { percentile } from "../statistics.ts";
import { hasExitStatus0 } from "./exit_status.ts";
import { ownCpuMs, runAsProgram } from "./program.ts";

/** What the clients do. */
export interface JobsPlan {
  /** Where the server listens. */
  readonly address: Address;
  /** Where jobs are posted. */
  readonly path: string;
  /** What is posted; a placeholder in it becomes a number that no other job has. */
  readonly body: string;
  /** Which answers are right: jobrunner's with exit status 0, or any 2xx of another server. */
  readonly right: "exit_status_0" | "2xx";
  /** Jobs, all clients together. */
  readonly jobs: number;
  /** Clients at the same time. */
  readonly clients: number;
  /** Tokens that the clients have: one each, those of the first ones again if there are more clients. */
  readonly tokens?: readonly string[];
  /** Milliseconds from an answer to the next job of its client; none without it. */
  readonly pauseMs?: number;
  /** Seconds after which no job begins; without it all jobs do. */
  readonly seconds?: number;
  /** Longest answer that is read; without it enough for a small job. */
  readonly maxAnswerBytes?: number;
}

/** What the clients saw. */
export interface JobsResult {
  /** Jobs that were answered, right or wrong. */
  readonly jobs: number;
  /** Wrong answers, and connections that broke. */
  readonly failures: number;
  /** What was wrong with the first of those. */
  readonly firstFailure?: string;
  /** From before the first connection to the last answer. */
  readonly seconds: number;
  /** Half of the answers took no longer. */
  readonly latencyP50Ms: number;
  /** 99 of 100 answers took no longer. */
  readonly latencyP99Ms: number;
  /** CPU that all clients together used per job; it is lost to the server. */
  readonly clientCpuMsPerJob: number;
}

/** Runs the load. */
export async function postJobs(plan: JobsPlan): Promise<JobsResult> {
  const { address, jobs, right, tokens = [], pauseMs = 0, seconds: mostSeconds = Infinity } = plan;
  const latencies = new Float64Array(jobs);
  const failures: string[] = [];
  let begun = 0;
  let answered = 0;

  /** Ends when all jobs have begun, when the time is over, or when its connection breaks. */
  async function client(token: string | undefined): Promise<void> {
    const request = postRequest({ ...plan, token });
    using client = await connect(address, plan);
    while (begun < jobs && performance.now() < start + mostSeconds * 1000) {
      request.setNumber(begun++);
      const sentAt = performance.now();
      const answer = await client.exchange(request.bytes);
      latencies[answered++] = performance.now() - sentAt;
      const failure = right === "2xx" ? failureOfAny(answer) : failureOf(answer);
      if (failure !== undefined) failures.push(failure);
      if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }

  const cpuBefore = ownCpuMs();
  const start = performance.now();
  await Promise.all(
    Array.from(
      { length: plan.clients },
      (_, index) =>
        client(tokens[index % tokens.length]).catch((error) => failures.push(`${error}`)),
    ),
  );
  const seconds = (performance.now() - start) / 1000;
  const clientCpuMsPerJob = (ownCpuMs() - cpuBefore) / answered;
  const ascending = latencies.subarray(0, answered).sort();
  const [firstFailure] = failures;
  return {
    jobs: answered,
    failures: failures.length,
    ...(firstFailure === undefined ? {} : { firstFailure }),
    seconds,
    latencyP50Ms: percentile(ascending, 0.5),
    latencyP99Ms: percentile(ascending, 0.99),
    clientCpuMsPerJob,
  };
}

/** What is wrong with an answer of jobrunner. */
function failureOf({ status, body }: Answer): string | undefined {
  if (status === 200 && hasExitStatus0(body)) return undefined;
  const text = new TextDecoder().decode(body).trimEnd();
  return status === 200 ? `answer 200 without exit status 0: ${text}` : `answer ${status}: ${text}`;
}

function failureOfAny({ status, body }: Answer): string | undefined {
  if (status >= 200 && status < 300) return undefined;
  return `answer ${status}: ${new TextDecoder().decode(body.subarray(0, 500)).trimEnd()}`;
}

await runAsProgram(import.meta, postJobs);
