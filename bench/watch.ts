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
 * its result and the milliseconds of each answer. Rejects when the work has ended: as it did, or with a
 * `BenchFailure` when `/status` was not answered with 200.
 */
export async function watchStatus<Result>(
  { address, logTail }: Target,
  work: Promise<Result>,
): Promise<{ readonly result: Result; readonly milliseconds: readonly number[] }> {
  let isOver = false;
  const over = work.finally(() => isOver = true);
  over.catch(() => {});
  const milliseconds: number[] = [];
  try {
    const request = getRequest(address, "/status");
    using client = await connect(address);
    while (!isOver) {
      const sentAt = performance.now();
      const { status } = await client.exchange(request);
      if (status !== 200) throw new Error(`answer ${status}`);
      milliseconds.push(performance.now() - sentAt);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  } catch (error) {
    // A failure of the work says more.
    await over;
    throw new BenchFailure(`/status failed: ${error}\nThe server's log ends:\n${logTail()}`);
  }
  return { result: await over, milliseconds };
}
