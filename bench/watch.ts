/**
 * A look at how long a server takes for a small answer while it is busy with something else.
 *
 * @module
 */

import { connect } from "./client.ts";
import { BenchFailure } from "./failure.ts";
import type { Target } from "./load_process.ts";
import { getRequest } from "./request.ts";

/** Milliseconds from an answer to the next request: the look is not a load. */
const pauseMs = 10;

/**
 * Fetches `/status` from this process, which does nothing else, until the work is over. Resolves with
 * its result and the milliseconds of each answer. Rejects as the work does, and with a `BenchFailure`
 * at an answer other than 200.
 */
export async function watchStatus<Result>(
  { address, logTail }: Target,
  work: Promise<Result>,
): Promise<{ readonly result: Result; readonly milliseconds: readonly number[] }> {
  let isOver = false;
  const over = work.finally(() => isOver = true);
  // Whoever awaits `work` hears of its error even when the look fails first.
  over.catch(() => {});
  const request = getRequest(address, "/status");
  const milliseconds: number[] = [];
  using client = await connect(address);
  while (!isOver) {
    const sentAt = performance.now();
    const { status } = await client.exchange(request);
    milliseconds.push(performance.now() - sentAt);
    if (status !== 200) throw new BenchFailure(`answer ${status} of /status; ${logTail()}`);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  return { result: await over, milliseconds };
}
