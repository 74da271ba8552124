/**
 * The header fields that describe a job's result in an answer whose body is the bytes of one output, or an error.
 *
 * @module
 */

import type { JobResult } from "../jobs/job.ts";
import { toMicroseconds } from "./rounding.ts";

/** Names of the fields. */
export const metadataHeaders = {
  /** Which output the body is: `data`, `output` or `error`. Absent from errors. */
  answer: "X-JR-Answer",
  /** The id, as `encodeURIComponent` encodes it; absent if that has more than `maxIdHeaderLength` characters. */
  id: "X-JR-Id",
  /** Number of the worker. */
  workerId: "X-JR-Worker-Id",
  /** Exit status, as a shell would report it. */
  exitStatus: "X-JR-Exit-Status",
  /** Why the run ended. */
  ending: "X-JR-Ending",
  /** Name of the signal that killed the command; absent without one. */
  signal: "X-JR-Signal",
  /** Seconds that the command ran. */
  elapsedSec: "X-JR-Elapsed-Sec",
  /** Seconds that the job waited. */
  queuedSec: "X-JR-Queued-Sec",
  /** The outputs that were cut, such as `data, error`; absent without one. */
  truncated: "X-JR-Truncated",
  /** The worker's message; `decodeURIComponent` restores it. Absent without one. */
  message: "X-JR-Message",
  /** Name of the command; only with a configuration file. */
  command: "X-JR-Command",
  /** Name of the pool; only with a configuration file. */
  pool: "X-JR-Pool",
  /** Name of the machine that ran the job; only if several machines share a queue. `decodeURIComponent` restores it. */
  node: "X-JR-Node",
  /** `true` if the process was there before the job; otherwise absent. */
  warm: "X-JR-Warm",
} as const;

/** The longest encoded id in a header: proxies limit all headers of an answer together, often to 4 KiB. */
const maxIdHeaderLength = 1024;

/** The fields that describe a result, apart from `X-JR-Answer`. */
export function metadataOf(result: JobResult): Record<string, string> {
  const { ending, names, node, message } = result;
  const signal = "signal" in ending ? ending.signal : undefined;
  const truncated = (["data", "output", "error"] as const).filter((name) => result[name].truncated);
  const header = metadataHeaders;
  const id = encodeURIComponent(result.id.toWellFormed());
  return {
    ...(id.length > maxIdHeaderLength ? {} : { [header.id]: id }),
    [header.workerId]: String(result.workerId),
    [header.exitStatus]: String(ending.exitStatus),
    [header.ending]: ending.kind,
    ...(signal === undefined ? {} : { [header.signal]: signal }),
    [header.elapsedSec]: String(toMicroseconds(result.elapsedSec)),
    [header.queuedSec]: String(toMicroseconds(result.queuedSec)),
    ...(truncated.length === 0 ? {} : { [header.truncated]: truncated.join(", ") }),
    ...(message === undefined ? {} : { [header.message]: readable(message) }),
    ...(names ? { [header.command]: names.command, [header.pool]: names.pool } : {}),
    ...(node === undefined ? {} : { [header.node]: readable(node) }),
    ...(result.warm ? { [header.warm]: "true" } : {}),
  };
}

/** Percent-encodes only what a header field cannot hold, and the percent sign. */
function readable(text: string): string {
  return text.toWellFormed().replace(/[^\x20-\x24\x26-\x7e]+/g, encodeURIComponent);
}
