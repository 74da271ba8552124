/**
 * Gets the payload of another machine's job.
 *
 * @module
 */

import type { JobInput } from "../jobs/job.ts";
import type { Inbox } from "../spool/inbox.ts";
import { chunkSize, fetchAll } from "./bulk.ts";
import { encodePortion } from "./codec.ts";
import { fileFiller } from "./files.ts";
import type { Group } from "./group.ts";
import type { HostCommand, HostShare } from "./host.ts";
import { payloadLength, type ReceivedJob } from "./messages.ts";

/** Timeout for one portion, in milliseconds. */
const portionMs = 5000;

/** A payload. */
export interface Loaded {
  /** What the run gets. */
  readonly input: JobInput;
  /** The job's folder, if the payload is in files; to be discarded if no run takes it. */
  readonly inbox?: Inbox;
}

/** Where a payload goes. */
export interface LoadTo {
  /** Makes the job's folder. */
  readonly command: HostCommand;
  /** The memory and disk space of the job. */
  readonly share: HostShare;
  /** Ends it early. */
  readonly signal: AbortSignal;
}

/** Takes a payload out of the message of its job, or fetches it from the front. Rejects if that fails, or if there is no room for it. */
export async function loadPayload(
  group: Group,
  job: ReceivedJob,
  { command, share, signal }: LoadTo,
): Promise<Loaded> {
  const { payload, inline } = job;
  const length = payloadLength(payload);
  if (payload.kind === "bytes") {
    if (!share.payload(length)) throw new Error("there is no memory for the payload");
    if (inline) return { input: { kind: "bytes", bytes: inline } };
    const bytes = new Uint8Array(length);
    let at = 0;
    await fetchPortions(group, job, length, signal, (piece) => {
      bytes.set(piece, at);
      at += piece.length;
      return Promise.resolve();
    });
    return { input: { kind: "bytes", bytes } };
  }
  if (!share.disk.takeBody(length)) throw new Error("there is no disk space for the payload");
  const inbox = await command.openInbox();
  try {
    const files = fileFiller(inbox, payload);
    if (inline) await files.take(inline);
    else await fetchPortions(group, job, length, signal, (piece) => files.take(piece));
    return { input: await files.end(), inbox };
  } catch (error) {
    await inbox.discard();
    throw error;
  }
}

function fetchPortions(
  { link, subjects }: Group,
  { front, spec: { uid } }: ReceivedJob,
  length: number,
  signal: AbortSignal,
  take: (piece: Uint8Array<ArrayBuffer>) => Promise<void>,
): Promise<void> {
  const subject = subjects.front(front, "payload");
  return fetchAll({
    length,
    chunk: chunkSize(link.maxPayload),
    ask: (at, length) =>
      link.request(subject, encodePortion({ uid, of: "payload", at, length }), portionMs),
    take,
    signal,
  });
}
