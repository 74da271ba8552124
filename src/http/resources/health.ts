/**
 * `GET /livez` and `GET /readyz`: whether the server responds, and whether it admits jobs.
 *
 * @module
 */

import { page, plainText } from "../answer/page.ts";
import type { ErrorAnswers } from "../answer/error_answers.ts";
import type { FrontDoor } from "../door.ts";
import type { Handler, Handlers } from "../handler.ts";

/** 200 as long as the server responds at all. */
export function livez(): Handlers<"/livez"> {
  return { GET: (c) => page(c, plainText, "ok\n") };
}

/** 200 while jobs are admitted, otherwise 503. */
export function readyz(door: FrontDoor, errors: ErrorAnswers): Handlers<"/readyz"> {
  return { GET: whileReady(door, errors, () => readiness(door.status())) };
}

/** A page of plain text while jobs are admitted, otherwise 503. */
export function whileReady(door: FrontDoor, { answer }: ErrorAnswers, text: () => string): Handler {
  return (c) => {
    if (door.ready()) return page(c, plainText, text());
    return answer(c, { kind: "draining", retryAfterSec: door.retryAfterSec() });
  };
}

/**
 * A server is saturated while a pool is: all its workers and places are taken. It still counts as ready: it responds, and refuses
 * jobs with a Retry-After.
 */
function readiness({ pools }: ReturnType<FrontDoor["status"]>): string {
  const saturated = pools.filter(({ waiting, queueLimit, workers }) =>
    waiting >= queueLimit && workers.every(({ job }) => job)
  );
  if (saturated.length === 0) return "ready\n";
  const places = saturated.map(({ name, waiting, queueLimit }) =>
    `${name === undefined ? "" : `pool ${name}: `}${waiting} of ${queueLimit} places are taken`
  );
  return `ready, saturated: ${places.join("; ")}\n`;
}
