/**
 * `GET /livez` and `GET /readyz`: whether the server is there, and whether it takes jobs.
 *
 * @module
 */

import { page, plainText } from "../answer/page.ts";
import type { Refusals } from "../answer/refusals.ts";
import type { FrontDoor } from "../door.ts";
import type { Handler, Handlers } from "../handler.ts";

/** 200 as long as the server answers at all. */
export function livez(): Handlers<"/livez"> {
  return { GET: (c) => page(c, plainText, "ok\n") };
}

/** 200 as long as jobs are admitted, else 503. */
export function readyz(door: FrontDoor, refusals: Refusals): Handlers<"/readyz"> {
  return { GET: whileReady(door, refusals, () => readiness(door.status())) };
}

/** A page of plain text as long as jobs are admitted, else 503. */
export function whileReady(door: FrontDoor, { refuse }: Refusals, text: () => string): Handler {
  return (c) => {
    if (door.ready()) return page(c, plainText, text());
    return refuse(c, { kind: "draining", retryAfterSec: door.retryAfterSec() });
  };
}

/** A saturated server is ready all the same: it answers, and says when to come back. */
function readiness({ waiting, queueLimit, workers }: ReturnType<FrontDoor["status"]>): string {
  const saturated = waiting >= queueLimit && workers.every(({ job }) => job);
  return saturated ? `ready, saturated: ${waiting} of ${queueLimit} places are taken\n` : "ready\n";
}
