/**
 * Whether the jobs of a warm command found their process ready. A command that is not fit for that runs
 * all the same, as a cold one, and would be measured as such.
 *
 * @module
 */

import { type Address, connect } from "./client.ts";
import { BenchFailure } from "./failure.ts";
import { getRequest } from "./request.ts";

/** The least share of jobs whose process must have been there: a process that is replaced misses one. */
const leastShare = 0.5;

/**
 * The share of jobs whose process was there before them, out of the server's page of metrics; NaN
 * without any job of a warm command.
 */
export function warmShareOf(page: string): number {
  const jobs = (start: string) =>
    Number(new RegExp(`^jobrunner_warm_jobs_total{start="${start}"} (\\d+)$`, "m").exec(page)?.[1]);
  const [warm, cold] = [jobs("warm"), jobs("cold")];
  return warm / (warm + cold);
}

/** Throws a `BenchFailure` if the processes of a server's command are not there before their jobs. */
export async function requireWarm(address: Address): Promise<void> {
  using client = await connect(address);
  const { body } = await client.exchange(getRequest(address, "/metrics"));
  const share = warmShareOf(new TextDecoder().decode(body));
  if (share >= leastShare) return;
  throw new BenchFailure(`the process was there for ${share} of the jobs: must be ${leastShare}`);
}
