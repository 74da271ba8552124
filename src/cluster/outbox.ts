/**
 * Puts the jobs of this machine's clients into the stream of their pool, and takes them out of it.
 *
 * @module
 */

import type { JobSpec } from "../jobs/job.ts";
import type { PayloadSource } from "../spool/payload_source.ts";
import { chunkSize } from "./bulk.ts";
import { pause, within } from "./clock.ts";
import { decodeJob, encodeJob } from "./codec.ts";
import type { FrontJob } from "./front_job.ts";
import type { Group } from "./group.ts";
import { LinkError, type StreamNames } from "./link.ts";
import { type PayloadForm, payloadLength } from "./messages.ts";
import { protocol } from "./names.ts";

/** Payloads up to this size are in the message of their job; larger ones are fetched. */
const inlineBytes = 64 * 1024;

/** How long a job may be on its way into the stream, in milliseconds. */
const enterMs = 3000;

/** Timeout of one attempt, and pause before the next one, in milliseconds. */
const attemptMs = 1000;
const retryMs = 100;

/** How long it may take to remove a message, in milliseconds. */
const removeMs = 1000;

/** What an outbox is made of. */
export interface OutboxParts {
  /** What it shares with the rest of the room. */
  readonly group: Pick<Group, "clock" | "link" | "node">;
  /** The stream. */
  readonly names: StreamNames;
  /** The payload of a job, open. Throws errors of the file system. */
  readonly sourceOf: (job: FrontJob) => PayloadSource;
  /** Whether a machine must ask before it runs the job. */
  readonly claimFirst: (job: FrontJob) => boolean;
}

/** See the module's head. */
export class Outbox {
  readonly #parts: OutboxParts;
  readonly #group: OutboxParts["group"];
  /** Numbers of the messages of jobs that are over which could not be removed, by the unique names of the jobs. */
  readonly #left = new Map<string, number>();

  /** An outbox for one stream. */
  constructor(parts: OutboxParts) {
    this.#parts = parts;
    this.#group = parts.group;
  }

  /**
   * Puts a job into the stream, and notes the number of its message. Rejects with a `LinkError` if there is no room, or if it did
   * not succeed in time; then it is not known whether the message is there, and the next call can find out. Rejects with another
   * error if there can be no message of the job.
   */
  async put(job: FrontJob): Promise<void> {
    const deadline = this.#group.clock.now() + enterMs;
    // The machines know a second message of a job by this, too: it is not put in twice if its number is not known.
    const id = job.published === 0 ? job.spec.uid : `${job.spec.uid}.${job.published}`;
    job.acked = false;
    const data = await this.#messageOf(job);
    job.sequence = await this.#store(job, id, data, deadline);
    job.published++;
  }

  async #store(
    job: FrontJob,
    id: string,
    data: Uint8Array<ArrayBuffer>,
    deadline: number,
  ): Promise<number> {
    const { link, clock } = this.#group;
    for (;;) {
      try {
        if (!link.connected) throw new LinkError("unavailable", "there is no connection");
        const timeoutMs = Math.max(1, Math.min(attemptMs, deadline - clock.now()));
        return await link.store(this.#parts.names.subject, data, { id, timeoutMs });
      } catch (error) {
        const isOver = clock.now() + retryMs >= deadline || job.state === "over";
        if (isOver || !canPass(error)) throw error;
        await pause(clock, retryMs);
      }
    }
  }

  async #messageOf(job: FrontJob): Promise<Uint8Array<ArrayBuffer>> {
    const source = this.#parts.sourceOf(job);
    const payload = formOf(job.spec, source);
    const length = payloadLength(payload);
    const { node, link } = this.#group;
    // A second message may be one too many.
    const claimFirst = this.#parts.claimFirst(job) || job.published > 0;
    return encodeJob(
      { proto: protocol, front: node, spec: job.spec, payload, claimFirst },
      length <= Math.min(inlineBytes, chunkSize(link.maxPayload))
        ? await source.read(0, length)
        : undefined,
    );
  }

  /**
   * Takes the message of a job that is over out of the stream, so that its place is free. Resolves when that was done, at the latest
   * after a second; does not reject.
   */
  async remove({ sequence, spec: { uid } }: FrontJob): Promise<void> {
    if (sequence !== undefined) {
      await within(this.#group.clock, removeMs, this.#removeMessage(sequence, uid));
    }
  }

  async #removeMessage(sequence: number, uid: string): Promise<void> {
    try {
      // The number can be another job's, if the stream was lost and made anew.
      if (await this.#holds(sequence, uid)) {
        await this.#group.link.remove(this.#parts.names.stream, sequence);
      }
    } catch (error) {
      const isThere = !(error instanceof LinkError && error.trouble === "not_found");
      if (isThere) this.#left.set(uid, sequence);
    }
  }

  /**
   * Removes the messages that could not be removed before. Those that stay are dropped when they are offered, but until then they
   * have a place.
   */
  async removeLeft(): Promise<void> {
    const left = [...this.#left];
    this.#left.clear();
    for (const [uid, sequence] of left) await this.#removeMessage(sequence, uid);
  }

  /** Whether the message of a job is in the stream. Rejects with a `LinkError` if the server does not say. */
  async holds({ sequence, spec: { uid } }: FrontJob): Promise<boolean> {
    return sequence !== undefined && await this.#holds(sequence, uid);
  }

  async #holds(sequence: number, uid: string): Promise<boolean> {
    try {
      const job = decodeJob(await this.#group.link.read(this.#parts.names.stream, sequence));
      return typeof job === "object" && job.spec.uid === uid;
    } catch (error) {
      if (error instanceof LinkError && error.trouble === "not_found") return false;
      throw error;
    }
  }
}

/** Whether another attempt may succeed. While the servers choose a leader of the stream, nobody answers. */
function canPass(error: unknown): boolean {
  return error instanceof LinkError && error.trouble !== "full" && error.trouble !== "refused";
}

function formOf({ input }: JobSpec, { lengths }: PayloadSource): PayloadForm {
  if (input.kind !== "parts") return { kind: input.kind, length: lengths[0] ?? 0 };
  return { kind: "parts", lengths: lengths.slice(0, -1), listLength: lengths.at(-1) ?? 0 };
}
