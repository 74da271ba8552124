/**
 * A client with many open requests, the bully, beside small clients that each send one job and think before the
 * next.
 *
 * @module
 */

import { type Address, type Client, connect } from "../client.ts";
import { postRequest } from "../request.ts";
import { medianOf } from "../statistics.ts";
import { hasExitStatus0 } from "./exit_status.ts";
import { runAsProgram } from "./program.ts";

/** What the clients do. */
export interface FairPlan {
  /** Where jobrunner listens. The payload of a job is the number of seconds that it takes. */
  readonly address: Address;
  /** The clients' tokens; without them the server does not know who is who. */
  readonly tokens?: { readonly bully: string; readonly small: readonly string[] };
  /** Open requests of the bully. After a refusal each pauses for `runMs`. */
  readonly bullyRequests: number;
  /** How long a job of the bully takes on average: each between half of it and half as much again. */
  readonly bullyRunMs: number;
  /** Number of small clients. */
  readonly smallClients: number;
  /** How long each job of a small client takes. */
  readonly runMs: number;
  /** How long a small client thinks on average, also after a refusal; it varies as the bully's jobs do. */
  readonly thinkMs: number;
  /** Jobs of one small client alone, before the others begin. */
  readonly loneJobs: number;
  /** How long the small clients begin another request. */
  readonly seconds: number;
}

/** What the clients saw. */
export interface FairResult {
  /** Milliseconds of half of the requests of one small client alone. */
  readonly loneMs: number;
  /** Milliseconds of each request of a small client that was not refused, to the last byte of its answer. */
  readonly smallMs: readonly number[];
  /** Requests of small clients that were refused. */
  readonly smallRefused: number;
  /** Jobs of the bully that were done while the small clients were there. */
  readonly bullyDone: number;
}

/**
 * Runs the load. The small clients begin at the bully's first refusal, and end their last requests. Throws an
 * `Error` at the first answer that is neither a result with exit status 0 nor a refusal.
 */
export async function postFairly(plan: FairPlan): Promise<FairResult> {
  const { tokens, bullyRequests, bullyRunMs, smallClients, runMs, thinkMs, loneJobs } = plan;
  using connections = new DisposableStack();
  const open = async () => connections.use(await connect(plan.address));
  const smallMs: number[] = [];
  let smallRefused = 0;
  let bullyDone = 0;
  let over = false;
  const full = Promise.withResolvers<void>();

  const loneMs: number[] = [];
  const lone = await open();
  while (loneMs.length < loneJobs) {
    const milliseconds = await timeJob(lone, { ...plan, token: tokens?.small[0], runMs });
    if (milliseconds === undefined) throw new Error("the job of a lone client was refused");
    loneMs.push(milliseconds);
  }

  async function bully(): Promise<void> {
    const client = await open();
    while (!over) {
      const job = { ...plan, token: tokens?.bully, runMs: varied(bullyRunMs) };
      if (await timeJob(client, job) !== undefined) {
        bullyDone++;
      } else {
        full.resolve();
        await pause(runMs);
      }
    }
  }

  async function small(token: string | undefined, end: number): Promise<void> {
    const client = await open();
    while (true) {
      await pause(varied(thinkMs));
      if (performance.now() >= end) return;
      const milliseconds = await timeJob(client, { ...plan, token, runMs });
      if (milliseconds === undefined) smallRefused++;
      else smallMs.push(milliseconds);
    }
  }

  async function allSmall(): Promise<void> {
    await full.promise;
    bullyDone = 0;
    const end = performance.now() + plan.seconds * 1000;
    const clients = Array.from({ length: smallClients }, (_, i) => small(tokens?.small[i], end));
    await Promise.all(clients);
  }

  const bullies = Array.from({ length: bullyRequests }, bully);
  await Promise.race([allSmall(), Promise.all(bullies)]);
  over = true;
  const result = { loneMs: medianOf(loneMs), smallMs, smallRefused, bullyDone };
  // Ends the bully's open requests.
  connections.dispose();
  await Promise.allSettled(bullies);
  return result;
}

/** A job of one client. */
interface Job {
  readonly address: Address;
  readonly token: string | undefined;
  readonly runMs: number;
}

/** Milliseconds from the request to its answer; undefined if the job was refused. */
async function timeJob(
  client: Client,
  { address, token, runMs }: Job,
): Promise<number | undefined> {
  const body = JSON.stringify({ id: "fair", data: btoa(`${(runMs / 1000).toFixed(3)}\n`) });
  const { bytes } = postRequest({ address, path: "/payload", body, token });
  const sentAt = performance.now();
  const answer = await client.exchange(bytes);
  const milliseconds = performance.now() - sentAt;
  if (answer.status === 200 && hasExitStatus0(answer.body)) return milliseconds;
  if (answer.status === 503) return undefined;
  const text = new TextDecoder().decode(answer.body).trimEnd();
  throw new Error(`answer ${answer.status}: ${text}`);
}

/** Without this, workers that began at the same time would all be free at the same time, again and again. */
function varied(milliseconds: number): number {
  return milliseconds * (0.5 + Math.random());
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

await runAsProgram(import.meta, postFairly);
