/**
 * A job of another machine's client that runs here, from the delivery of its message until its front has its result.
 *
 * @module
 */

import {
  type Captured,
  capturedLength,
  type JobHandle,
  type JobOutcome,
  type JobSpec,
  noInput,
} from "../jobs/job.ts";
import type { Lease } from "../jobs/line.ts";
import { createStop } from "../jobs/stop.ts";
import type { Inbox } from "../spool/inbox.ts";
import { chunkSize, fetchAll } from "./bulk.ts";
import { decodeResultAnswer, encodePortion, encodeQuestion, encodeResult } from "./codec.ts";
import { fileFiller } from "./files.ts";
import { type Group, pause } from "./group.ts";
import type { HostCommand, HostShare } from "./host.ts";
import { acknowledgements, giveBack } from "./link.ts";
import { LiveSender } from "./live_sender.ts";
import {
  type CaptureForm,
  type CaptureOf,
  type JobQuestion,
  payloadLength,
  type ReceivedJob,
  type RemoteOutcome,
} from "./messages.ts";

/** Results up to this size are sent with the message that announces them. */
const inlineResultBytes = 256 * 1024;

/** How long a result is kept for its front, in milliseconds. */
const keptMs = 60_000;

/** Pause between attempts to deliver a result, in milliseconds. */
const againMs = 500;

/** Timeout for a result that comes with its bytes, and for one whose bytes are fetched, in milliseconds. */
const smallResultMs = 1000;
const largeResultMs = 60_000;

/** Timeout for one portion of a payload, in milliseconds. */
const portionMs = 5000;

/** A job as it came, with its delivery. */
export interface Delivered extends ReceivedJob {
  /** How often its message was offered, this time included. */
  readonly attempt: number;
  /** Where its message is acknowledged. */
  readonly reply: string;
}

/** How the message of a job is acknowledged, and where the server confirms that. */
export interface Acknowledgement {
  /** What the server is to do with it. */
  readonly kind: Uint8Array<ArrayBuffer>;
  /** Subject for the confirmation; absent for none. */
  readonly confirmTo?: string;
}

/** What a job of another machine needs here. */
export interface RemoteParts {
  /** Name of its pool. */
  readonly pool: string;
  /** The command that it runs. */
  readonly command: HostCommand;
  /** Its memory and disk space. */
  readonly share: HostShare;
  /** Whether another machine could run it. */
  readonly hasOthers: () => boolean;
  /** Called when its run is over. */
  readonly settled: () => void;
  /** Called once, when it is no longer dealt with here: how its message is acknowledged; undefined if that was done before. */
  readonly over: (acknowledgement: Acknowledgement | undefined) => void;
}

/** See the module's head. */
export class RemoteJob implements Lease {
  readonly remote = true;
  readonly stop = createStop();
  /** Unknown here: the front measures how long a job waits. */
  readonly queuedSec = 0;
  readonly spec: JobSpec;
  readonly handle: JobHandle;
  /** Name of the machine that has the client. */
  readonly from: string;
  pid: number | undefined;
  readonly #group: Group;
  readonly #job: Delivered;
  readonly #parts: RemoteParts;
  readonly #live: LiveSender | undefined;
  #inbox: Inbox | undefined;
  #state: "running" | "delivering" | "over" = "running";
  /** How its message is acknowledged if its front does not want its result. */
  #revoked: Acknowledgement | undefined;
  #captures: Readonly<Record<CaptureOf, Captured>> | undefined;

  /** A job without its payload. */
  constructor(group: Group, job: Delivered, parts: RemoteParts) {
    this.#group = group;
    this.#job = job;
    this.#parts = parts;
    const { share, command } = parts;
    this.from = group.nodes.nameOf(job.front);
    this.spec = {
      ...job.spec,
      version: command.version,
      // Its front ends the run if its client leaves.
      onDisconnect: "finish",
      input: noInput,
    };
    const common = {
      onInputStored: () => share.payloadStored(),
      onCaptured: (bytes: number) => share.captured(bytes),
      disk: share.disk,
    };
    const live = job.spec.keep === "data"
      ? new LiveSender(group, job.front, job.spec.uid)
      : undefined;
    this.#live = live;
    this.handle = live
      ? {
        ...common,
        onStarted: (worker) => live.started(worker),
        onOutput: (stream, bytes) => live.output(stream, bytes),
      }
      : common;
  }

  /** Whether a worker has it. */
  get isRunning(): boolean {
    return this.#state === "running";
  }

  /** What its front is asked about it. */
  get question(): JobQuestion {
    const { spec: { uid }, attempt } = this.#job;
    return { uid, node: this.#group.node, attempt };
  }

  /** Gets the payload, from its message or from its front. Resolves with false if that fails, or if there is no room for it. */
  async load(): Promise<boolean> {
    try {
      return await this.#load();
    } catch {
      return false;
    }
  }

  async #load(): Promise<boolean> {
    const { payload } = this.#job;
    const { share, command } = this.#parts;
    const length = payloadLength(payload);
    if (payload.kind === "bytes") {
      if (!share.payload(length)) return false;
      const memory = this.#job.inline ?? new Uint8Array(length);
      if (!this.#job.inline) {
        let at = 0;
        await this.#fetch(length, (piece) => {
          memory.set(piece, at);
          at += piece.length;
          return Promise.resolve();
        });
      }
      this.spec.input = { kind: "bytes", bytes: memory };
      return true;
    }
    if (!share.disk.takeBody(length)) return false;
    const inbox = this.#inbox = await command.openInbox();
    const files = fileFiller(inbox, payload);
    if (this.#job.inline) await files.take(this.#job.inline);
    else await this.#fetch(length, (piece) => files.take(piece));
    this.spec.input = await files.end();
    return true;
  }

  #fetch(length: number, take: (piece: Uint8Array<ArrayBuffer>) => Promise<void>): Promise<void> {
    const { link, subjects } = this.#group;
    const { front, spec: { uid } } = this.#job;
    const subject = subjects.front(front, "payload");
    return fetchAll({
      length,
      chunk: chunkSize(link.maxPayload),
      ask: (at, length) =>
        link.request(subject, encodePortion({ uid, of: "payload", at, length }), portionMs),
      take,
    });
  }

  /** Its front does not want it to run, or not here: the run is ended and has no result. */
  revoke(acknowledgement: Acknowledgement): void {
    if (this.#state !== "running") return;
    this.#revoked = acknowledgement;
    this.stop.request("canceled");
  }

  release(): void {
    this.back(0);
  }

  /** Gives the job back before its run has had an effect, to be offered again after a while. */
  back(delayMs: number): undefined {
    if (this.#state !== "running") return;
    const { link, subjects } = this.#group;
    link.request(subjects.front(this.#job.front, "back"), encodeQuestion(this.question), askMs)
      .catch(() => {});
    this.#over(this.#revoked ?? { kind: giveBack(delayMs) });
  }

  settle(outcome: JobOutcome): void {
    if (this.#state !== "running") return;
    this.#captures = capturesOf(outcome);
    this.#parts.settled();
    if (this.#revoked) return this.#over(this.#revoked);
    if (this.#wasCut(outcome)) {
      this.back(0);
      return;
    }
    this.#state = "delivering";
    void this.#deliver(outcome);
  }

  /** Whether the run was ended by a forced stop of this machine, and another one may run it. */
  #wasCut(outcome: JobOutcome): boolean {
    return outcome.kind === "ran" && outcome.result.ending.kind === "shutdown" &&
      this.#group.rules.onLost === "rerun" && this.#parts.hasOthers();
  }

  async #deliver(outcome: JobOutcome): Promise<void> {
    const { link, subjects, nodes, clock, report } = this.#group;
    const { front, reply, spec: { uid } } = this.#job;
    const { data, isInline } = await this.#message(outcome);
    const done: Acknowledgement = {
      kind: acknowledgements.done,
      confirmTo: subjects.acked(front, uid),
    };
    const begun = clock.now();
    while (this.#state === "delivering") {
      const connection = link.connections;
      const asked = link.request(
        subjects.front(front, "result"),
        data,
        isInline ? smallResultMs : largeResultMs,
      );
      // Right behind the result, on the same connection: the front that hears of it has the result.
      if (isInline) link.publish(reply, done.kind, done.confirmTo);
      try {
        const answer = decodeResultAnswer(await asked);
        if (answer !== "taken") report.unclaimed(this.#parts.pool);
        report.hop("result", (clock.now() - begun) / 1000);
        const isAcknowledged = isInline && connection === link.connections;
        return this.#over(isAcknowledged ? undefined : done);
      } catch {
        const now = clock.now();
        if (!nodes.isAlive(front, now)) return this.#over(done);
        if (now - begun >= keptMs) return this.#over({ kind: giveBack(0) });
        await pause(this.#group, againMs);
      }
    }
  }
  async #message(
    outcome: JobOutcome,
  ): Promise<{ readonly data: Uint8Array<ArrayBuffer>; readonly isInline: boolean }> {
    const remote = this.#remoteOutcome(outcome);
    const message = { ...this.question, outcome: remote };
    const captures = Object.values(this.#captures ?? {});
    const length = captures.reduce((sum, each) => sum + capturedLength(each), 0);
    const isInline = length <= Math.min(inlineResultBytes, chunkSize(this.#group.link.maxPayload));
    if (!isInline) return { data: encodeResult(message, undefined), isInline };
    const bytes = await Promise.all(
      captures.map((each) => readCapture(each, 0, capturedLength(each))),
    );
    return { data: encodeResult(message, bytes), isInline };
  }

  #remoteOutcome(outcome: JobOutcome): RemoteOutcome {
    if (outcome.kind === "failed") return outcome;
    if (outcome.kind === "left") {
      return {
        kind: "failed",
        failure: { kind: "internal", reason: "the job has left the queue" },
      };
    }
    const { workerId, ending, elapsedSec, pid, warm, processJobs, message } = outcome.result;
    const captures = this.#captures as Readonly<Record<CaptureOf, Captured>>;
    return {
      kind: "ran",
      workerId,
      ending,
      elapsedSec,
      ...(pid === undefined ? {} : { pid }),
      ...(warm === undefined ? {} : { warm }),
      ...(processJobs === undefined ? {} : { processJobs }),
      ...(message === undefined ? {} : { message }),
      ...(this.#live ? { live: this.#live.sent } : {}),
      captures: {
        output: formOf(captures.output),
        error: formOf(captures.error),
        data: formOf(captures.data),
      },
    };
  }

  /** Reads a part of a capture. Rejects if there is none. */
  async read(of: CaptureOf, at: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    const capture = this.#captures?.[of];
    if (!capture) throw new Error("there is no result");
    return await readCapture(capture, at, length);
  }

  /** The connection is closed for good. */
  giveUp(): void {
    this.#free();
  }

  #over(acknowledgement: Acknowledgement | undefined): void {
    if (this.#free()) this.#parts.over(acknowledgement);
  }

  /** Gives back what it holds; false if that was done before. */
  #free(): boolean {
    if (this.#state === "over") return false;
    this.#state = "over";
    for (const capture of Object.values(this.#captures ?? {})) capture.file?.close();
    if (this.spec.input !== noInput) void this.#inbox?.discard();
    this.#parts.share.release();
    this.#parts.command.release();
    return true;
  }
}

/** Timeout for a message whose answer does not matter, in milliseconds. */
const askMs = 1000;

function capturesOf(outcome: JobOutcome): Readonly<Record<CaptureOf, Captured>> | undefined {
  if (outcome.kind !== "ran") return undefined;
  const { output, error, data } = outcome.result;
  return { output, error, data };
}

function formOf(captured: Captured): CaptureForm {
  const { truncated, unreadable } = captured;
  return { length: capturedLength(captured), truncated, ...(unreadable ? { unreadable } : {}) };
}

async function readCapture(
  { bytes, file }: Captured,
  at: number,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  if (!file) return bytes.subarray(at, at + length);
  const memory = new Uint8Array(length);
  for (let read = 0; read < length;) {
    const count = await file.read(at + read, memory.subarray(read));
    if (count === 0) throw new Error("a file of the result is shorter than it was");
    read += count;
  }
  return memory;
}
