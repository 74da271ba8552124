/**
 * A job of another machine's client that runs here, from the delivery of its message until its front has its result.
 *
 * @module
 */

import { freeMemory } from "../async/bytes.ts";
import {
  type Captured,
  type JobHandle,
  type JobOutcome,
  type JobSpec,
  noInput,
} from "../jobs/job.ts";
import type { Lease } from "../jobs/line.ts";
import { createStop, type Stop } from "../jobs/stop.ts";
import type { Inbox } from "../spool/inbox.ts";
import { type Acknowledgement, deliver, readCapture } from "./deliver.ts";
import type { Group } from "./group.ts";
import type { HostCommand, HostShare } from "./host.ts";
import { giveBack } from "./link.ts";
import { LiveSender } from "./live_sender.ts";
import { loadPayload } from "./load_payload.ts";
import type { CaptureOf, JobQuestion, ReceivedJob } from "./messages.ts";
import { closeFiles } from "./take_result.ts";

/** A job as it came, with its delivery. */
export interface Delivered extends ReceivedJob {
  /** How often its message was offered, this time included. */
  readonly attempt: number;
  /** Where its message is acknowledged. */
  readonly reply: string;
}

/** What a job of another machine needs here. */
export interface RemoteParts {
  /** Name of its pool. */
  readonly pool: string;
  /** The command that it runs. */
  readonly command: HostCommand;
  /** Its memory and disk space. */
  readonly share: HostShare;
  /** Whether another machine takes such jobs. */
  readonly othersTake: () => boolean;
  /** Called when it is given back, before its message is. */
  readonly givenBack: () => void;
  /** Called when its run is over. */
  readonly settled: () => void;
  /** Called once, when it is no longer dealt with here: how its message is acknowledged; undefined if that was done before. */
  readonly over: (acknowledgement: Acknowledgement | undefined) => void;
}

/** See the module's head. */
export class RemoteJob implements Lease {
  readonly remote = true;
  readonly stop: Stop = createStop();
  /** Unknown here: the front measures how long a job waits. */
  readonly queuedSec = 0;
  readonly spec: JobSpec;
  readonly handle: JobHandle;
  /** Name of the machine that has the client. */
  readonly from: string;
  /** Id of that machine. */
  readonly front: string;
  pid: number | undefined;
  readonly #group: Group;
  readonly #job: Delivered;
  readonly #parts: RemoteParts;
  readonly #live: LiveSender | undefined;
  #inbox: Inbox | undefined;
  #state: "running" | "delivering" | "over" = "running";
  /** How its message is acknowledged if its front does not want its result. */
  #revoked: Acknowledgement | undefined;
  /** Whether a forced stop of this machine wants its end. */
  #isCut = false;
  #captures: Readonly<Record<CaptureOf, Captured>> | undefined;
  /** When a part of a capture was last read; a time of the group's clock. */
  readMs: number = -Infinity;

  /** A job without its payload. */
  constructor(group: Group, job: Delivered, parts: RemoteParts) {
    this.#group = group;
    this.#job = job;
    this.#parts = parts;
    this.front = job.front;
    this.from = group.nodes.nameOf(job.front);
    this.spec = { ...job.spec, version: parts.command.version, input: noInput };
    // Its output is passed on as it comes.
    if (job.spec.keep === "data") this.#live = new LiveSender(group, job.front, job.spec.uid);
    this.handle = this.#handleOf(parts.share);
  }

  #handleOf(share: HostShare): JobHandle {
    const live = this.#live;
    return {
      onInputStored: () => share.payloadStored(),
      onCaptured: (bytes) => share.captured(bytes),
      disk: share.disk,
      ...(live
        ? {
          onStarted: (worker) => live.started(worker),
          onOutput: (stream, bytes) => live.output(stream, bytes),
        }
        : {}),
    };
  }

  /** Whether it has no outcome yet. */
  get isRunning(): boolean {
    return this.#state === "running";
  }

  /** What its front is asked about it. */
  get question(): JobQuestion {
    const { spec: { uid }, attempt } = this.#job;
    return { uid, node: this.#group.node, attempt };
  }

  /**
   * Gets the payload. Resolves with false if that fails, if there is no room for it, or if there is a cause to end the job
   * meanwhile.
   */
  async load(): Promise<boolean> {
    const { command, share } = this.#parts;
    const ending = new AbortController();
    this.stop.onRequest(() => ending.abort());
    try {
      const to = { command, share, signal: ending.signal };
      const { input, inbox } = await loadPayload(this.#group, this.#job, to);
      this.spec.input = input;
      this.#inbox = inbox;
      return this.stop.cause === undefined;
    } catch {
      return false;
    }
  }

  /** Its front does not want it to run, or not here: the run is ended and has no result. */
  revoke(acknowledgement: Acknowledgement): void {
    if (this.#state !== "running" || this.#revoked) return;
    this.#revoked = acknowledgement;
    this.stop.request("canceled");
  }

  /** Forced stop of this machine: the run is ended, and another machine may begin anew. */
  cut(): void {
    this.#isCut = true;
    this.stop.request("shutdown");
  }

  release(): void {
    this.back(0);
  }

  /** Gives the job back, to be offered again after a while: its run has not begun, or does not count. */
  back(delayMs: number): undefined {
    if (this.#state !== "running") return;
    if (!this.#revoked) this.#parts.givenBack();
    this.#over(this.#revoked ?? { kind: giveBack(delayMs) });
  }

  settle(outcome: JobOutcome): void {
    if (this.#state !== "running") return closeFiles(outcome);
    this.#captures = capturesOf(outcome);
    this.#parts.settled();
    if (this.#revoked || this.#mayBegin(outcome)) this.back(0);
    else void this.#deliver(outcome);
  }

  /** Whether a forced stop of this machine has ended the run, and another machine may begin anew. */
  #mayBegin(outcome: JobOutcome): boolean {
    return this.#isCut && outcome.kind === "ran" && outcome.result.ending.kind === "shutdown" &&
      this.#group.rules.onLost === "rerun" && this.#parts.othersTake();
  }

  async #deliver(outcome: JobOutcome): Promise<void> {
    this.#state = "delivering";
    const { question, spec } = this;
    const { front, reply } = this.#job;
    const { pool } = this.#parts;
    const live = this.#live?.sent;
    const goesOn = () => this.#state === "delivering";
    const readMs = () => this.readMs;
    this.#over(
      await deliver(this.#group, {
        pool,
        spec,
        front,
        reply,
        question,
        outcome,
        live,
        goesOn,
        readMs,
      }),
    );
  }

  /** Reads a part of a capture into new memory. Rejects if there is none. */
  async read(of: CaptureOf, at: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    const capture = this.#captures?.[of];
    if (!capture) throw new Error("there is no result");
    this.readMs = this.#group.clock.now();
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
    for (const { file } of Object.values(this.#captures ?? {})) file?.close();
    this.#freeInput();
    this.#parts.share.release();
    this.#parts.command.release();
    return true;
  }

  /** The payload, if no run has taken it. */
  #freeInput(): void {
    const { input } = this.spec;
    if (input === noInput) return;
    if (input.kind === "bytes") freeMemory(input.bytes);
    void this.#inbox?.discard();
  }
}

function capturesOf(outcome: JobOutcome): Readonly<Record<CaptureOf, Captured>> | undefined {
  if (outcome.kind !== "ran") return undefined;
  const { output, error, data } = outcome.result;
  return { output, error, data };
}
