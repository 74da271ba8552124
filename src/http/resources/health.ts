/**
 * `GET /livez` and `GET /readyz`: whether the server responds, and whether it admits jobs.
 *
 * @module
 */

import type { ClusterStatus, PoolStatus } from "../../wire/status.ts";
import { page, plainText } from "../answer/page.ts";
import type { ErrorAnswers } from "../answer/error_answers.ts";
import type { FrontDoor } from "../door.ts";
import type { Handler, Handlers } from "../handler.ts";

/** 200 as long as the server responds at all. */
export function livez(): Handlers<"/livez"> {
  return { GET: (c) => page(c, plainText, "ok\n") };
}

/** 200 while jobs are admitted, or would be if the queue could be reached; otherwise 503. */
export function readyz(door: FrontDoor, errors: ErrorAnswers): Handlers<"/readyz"> {
  return { GET: whileReady(door, errors, () => readiness(door)) };
}

/** A page of plain text while the server is ready, otherwise 503. */
export function whileReady(door: FrontDoor, { answer }: ErrorAnswers, text: () => string): Handler {
  return (c) => {
    const isDraining = !door.ready();
    if (!isDraining && door.queueState() !== "unavailable") return page(c, plainText, text());
    const retryAfterSec = door.retryAfterSec();
    return answer(
      c,
      isDraining
        ? { kind: "draining", retryAfterSec }
        : { kind: "queue_unavailable", retryAfterSec },
    );
  };
}

/**
 * A server is saturated while a pool is: all its workers and places are taken, or all those of the machines that share its queue. It
 * is degraded while that queue cannot be reached. It still counts as ready: it responds, and refuses jobs with a Retry-After.
 */
function readiness(door: FrontDoor): string {
  if (door.queueState() === "degraded") {
    return "ready, degraded: the queue that the machines share cannot be reached\n";
  }
  const { pools, cluster } = door.status();
  const saturated = cluster ? fullQueues(cluster, door.named) : fullPools(pools);
  return saturated.length === 0 ? "ready\n" : `ready, saturated: ${saturated.join("; ")}\n`;
}

function fullPools(pools: readonly PoolStatus[]): readonly string[] {
  const full = pools.filter(({ waiting, queueLimit, workers }) =>
    waiting >= queueLimit && workers.every(({ job }) => job)
  );
  return full.map(({ name, waiting, queueLimit }) =>
    `${ofPool(name)}${waiting} of ${queueLimit} places are taken`
  );
}

function fullQueues({ pools }: ClusterStatus, named: boolean): readonly string[] {
  return pools.flatMap(({ name, limit, unfinished = 0 }) =>
    unfinished < limit
      ? []
      : [`${ofPool(named ? name : undefined)}all machines have ${unfinished} of ${limit} jobs`]
  );
}

function ofPool(name: string | undefined): string {
  return name === undefined ? "" : `pool ${name}: `;
}
