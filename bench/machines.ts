/**
 * Machines that share a queue: several servers on this one.
 *
 * @module
 */

import { connect } from "./client.ts";
import { BenchFailure } from "./failure.ts";
import { postRequest } from "./request.ts";
import { smallJob } from "./round.ts";
import { type GroupOptions, type Server, type ServerOptions, startServer } from "./server.ts";

/** What the servers have in common, and the number of workers of each. */
export interface MachinesOptions extends Pick<ServerOptions, "command" | "queueLimit" | "folder"> {
  /** Their group. */
  readonly group: GroupOptions;
  /** Workers of each machine; 0 for one that only has clients. */
  readonly workers: readonly number[];
}

/** How long a group may take until it runs a job, in milliseconds. */
const readyMs = 30_000;
const pollMs = 100;

/**
 * Starts the machines, and waits until the first one gets a job run. The result is in the order of `workers`; disposing of `started`
 * stops them.
 */
export async function startMachines(
  { workers, ...common }: MachinesOptions,
  started: AsyncDisposableStack,
  signal: AbortSignal,
): Promise<readonly Server[]> {
  const servers: Server[] = [];
  for (const own of workers) {
    servers.push(started.use(await startServer({ ...common, workers: own }, signal)));
  }
  await untilItRuns(servers[0] as Server, signal);
  return servers;
}

async function untilItRuns({ address, logTail }: Server, signal: AbortSignal): Promise<void> {
  const { bytes } = postRequest({ ...smallJob, address });
  const deadline = performance.now() + readyMs;
  using client = await connect(address);
  for (;;) {
    const { status } = await client.exchange(bytes);
    if (status === 200) return;
    signal.throwIfAborted();
    if (performance.now() > deadline) {
      throw new BenchFailure(`the machines run no job: answer ${status}; log ends:\n${logTail()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}
