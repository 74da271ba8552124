/**
 * Makes the outcome of a job out of what the machine that ran it says, and fetches the bytes of the result from there.
 *
 * @module
 */

import type { Captured, DiskShare, JobOutcome } from "../jobs/job.ts";
import { chunkSize, fetchAll } from "./bulk.ts";
import { encodePortion } from "./codec.ts";
import type { FrontJob } from "./front_job.ts";
import type { Group } from "./group.ts";
import type { CaptureSink, PoolHost } from "./host.ts";
import {
  type CaptureForm,
  captureNames,
  type CaptureOf,
  type ReceivedOutcome,
  type RemoteOutcome,
} from "./messages.ts";

/** Timeout for one portion of a result, in milliseconds. */
const portionMs = 5000;

/** Resolves with the outcome, whose files the caller closes. Rejects if the bytes cannot be fetched, or the job is over meanwhile. */
export async function takeResult(
  group: Group,
  host: PoolHost,
  job: FrontJob,
  message: ReceivedOutcome,
): Promise<JobOutcome> {
  const { outcome } = message;
  if (outcome.kind === "failed") return outcome;
  const { kind, captures, live: _, ...rest } = outcome;
  const { queuedSec, spec } = job;
  const room = roomOf(job);
  const sinks: CaptureSink[] = [];
  try {
    for (const name of captureNames) {
      const sink = host.keepCapture(spec, room);
      sinks.push(sink);
      await fill(group, job, sink, name, message, outcome);
    }
  } catch (error) {
    for (const sink of sinks) sink.close();
    room.giveBack();
    throw error;
  }
  const [output, error, data] = captureNames.map((name, index) =>
    capturedOf(sinks[index] as CaptureSink, captures[name])
  ) as [Captured, Captured, Captured];
  const node = group.nodes.nameOf(message.node);
  const names = host.namesOf(spec.command);
  return { kind, result: { ...rest, id: spec.id, queuedSec, output, error, data, node, names } };
}

/** The memory and disk space of the job's request, for one attempt to take a result. */
function roomOf(job: FrontJob) {
  const { handle } = job;
  let kept = 0;
  let taken = 0;

  /** A request gives disk space back only as a whole, so what an earlier attempt has taken is used again. */
  function take(disk: DiskShare, bytes: number): boolean {
    const used = Math.min(bytes, job.spareDisk);
    if (used < bytes && !disk.take(bytes - used)) return false;
    job.spareDisk -= used;
    taken += bytes;
    return true;
  }

  const disk = handle?.disk;
  return {
    disk: disk && {
      takeBody: (bytes: number) => disk.takeBody(bytes),
      take: (bytes: number) => take(disk, bytes),
      release: () => disk.release(),
    },
    onKept(bytes: number) {
      kept += bytes;
      handle?.onCaptured(bytes);
    },
    /** The attempt has failed. */
    giveBack() {
      if (kept !== 0) handle?.onCaptured(-kept);
      job.spareDisk += taken;
    },
  };
}

async function fill(
  { link, subjects }: Group,
  job: FrontJob,
  sink: CaptureSink,
  name: CaptureOf,
  { uid, node, inline }: ReceivedOutcome,
  { captures }: Extract<RemoteOutcome, { kind: "ran" }>,
): Promise<void> {
  const { length } = captures[name];
  if (inline) {
    const at = captureNames.slice(0, captureNames.indexOf(name))
      .reduce((sum, before) => sum + captures[before].length, 0);
    return await sink.write(inline.subarray(at, at + length));
  }
  const subject = subjects.executor(node, "capture");
  await fetchAll({
    length,
    chunk: chunkSize(link.maxPayload),
    ask(at, length) {
      if (!job.isOpen) return Promise.reject(new Error("the job is over"));
      return link.request(subject, encodePortion({ uid, of: name, at, length }), portionMs);
    },
    take: (piece) => sink.write(piece),
  });
}

function capturedOf(sink: CaptureSink, { truncated, unreadable }: CaptureForm): Captured {
  const captured = sink.captured();
  return {
    ...captured,
    truncated: truncated || captured.truncated,
    ...(unreadable ? { unreadable } : {}),
  };
}

/** Closes the files of an outcome that nobody needs. */
export function closeFiles(outcome: JobOutcome): void {
  if (outcome.kind !== "ran") return;
  const { output, error, data } = outcome.result;
  for (const { file } of [output, error, data]) file?.close();
}
