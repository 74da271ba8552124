/**
 * The front of a pool: it has the clients of this machine and decides alone what becomes of their jobs. The stream only counts
 * jobs, orders them and offers them again.
 *
 * @module
 */

import { freeMemory } from "../async/bytes.ts";
import type { Captured, JobOutcome, JobSpec, LeaveCause } from "../jobs/job.ts";
import {
  type About,
  type LaneLimits,
  type LineSize,
  mostArriving,
  type Place,
  type Refusal,
} from "../jobs/line.ts";
import type { PayloadSource } from "../spool/payload_source.ts";
import { chunkSize, fetchAll } from "./bulk.ts";
import { decodeJob, encodeCancel, encodeJob, encodePortion } from "./codec.ts";
import { FrontJob, type JobFront, type LocalRun } from "./front_job.ts";
import { createGrants, type Witness } from "./grants.ts";
import { type Group, pause } from "./group.ts";
import type { CaptureSink, PoolHost } from "./host.ts";
import { LinkError, type StreamNames } from "./link.ts";
import {
  type Cancel,
  type CaptureForm,
  captureNames,
  type CaptureOf,
  type ClaimAnswer,
  type JobQuestion,
  type PayloadForm,
  payloadLength,
  type Portion,
  type ReceivedOutcome,
  type ReceivedOutput,
  type RemoteOutcome,
} from "./messages.ts";
import { protocol } from "./names.ts";
import { type PoolBeat, retryAfterSec } from "./nodes.ts";

/** Payloads up to this size are in the message of their job; larger ones are fetched. */
const inlineBytes = 64 * 1024;

/** How long a job may be on its way into the queue, in milliseconds; then the client gets 503. */
const enterMs = 3000;

/** How long a client waits for its outcome because its message has not left the queue, in milliseconds. */
const ackedMs = 1000;

/** Timeout of a question, in milliseconds. */
const questionMs = 1000;

/** What a front is made of. */
export interface FrontParts {
  /** What it shares with the rest of the room. */
  readonly group: Group;
  /** Name of its pool. */
  readonly pool: string;
  /** The stream of the pool. */
  readonly names: StreamNames;
  /** The pool. */
  readonly host: PoolHost;
  /** Number of workers of this machine that wait for a job. */
  readonly idleWorkers: () => number;
  /** What the machines that live say of the pool, this one included. */
  readonly pools: () => readonly PoolBeat[];
  /** Called when a job is over. */
  readonly onChange: () => void;
}

/** See the module's head. */
export class Front implements JobFront {
  readonly #parts: FrontParts;
  readonly #group: Group;
  #size: LineSize;
  /** The jobs of this machine's clients, in the order in which their places were reserved. */
  readonly #jobs = new Set<FrontJob>();
  readonly #byUid = new Map<string, FrontJob>();
  #arriving = 0;
  #reserved = 0;
  #closed = false;
  /** Whether the queue was full when it was last heard of. */
  #full = false;

  /** An open front without jobs. */
  constructor(parts: FrontParts, size: LineSize) {
    this.#parts = parts;
    this.#group = parts.group;
    this.#size = size;
  }

  now(): number {
    return this.#group.clock.now();
  }

  /** Whether places are given. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Number of jobs that are not over, reserved places included. */
  get unfinished(): number {
    return this.#jobs.size;
  }

  /** Jobs that wait, plus reserved places for which no worker of this machine is idle. */
  get waiting(): number {
    let waiting = 0;
    for (const { state } of this.#jobs) if (isWaiting(state)) waiting++;
    return waiting + Math.max(0, this.#reserved - this.#parts.idleWorkers());
  }

  /** How long the first of them has waited, in seconds. */
  oldestWaitSec(): number {
    for (const job of this.#jobs) if (isWaiting(job.state)) return job.waitedSec();
    return 0;
  }

  /** Whole seconds after which a refused client should retry. */
  retryAfterSec(): number {
    return retryAfterSec(this.#parts.pools());
  }

  positionOf(job: FrontJob): number {
    if (!isWaiting(job.state)) return 0;
    let position = 0;
    for (const each of this.#jobs) {
      if (isWaiting(each.state)) position++;
      if (each === job) break;
    }
    return position;
  }

  /** Changes the limits for new jobs. */
  resize(size: LineSize): void {
    this.#size = size;
  }

  /** As `Line.reserve`. Whether the queue has room is known only when the job enters; a body that is still to arrive is refused before if it had none. */
  reserve(
    { client, arriving = false }: About,
    signal?: AbortSignal,
  ): Place | Refusal | Promise<Place | Refusal> {
    const refusal = this.#refusalOf(client, arriving);
    if (refusal) return this.#refusal(refusal);
    if (!arriving || !this.#full) return this.#place(client, arriving, signal);
    return this.#hasRoom().then((hasRoom) => {
      const cause = hasRoom ? this.#refusalOf(client, arriving) : "queue_full";
      return cause ? this.#refusal(cause) : this.#place(client, arriving, signal);
    });
  }

  #refusalOf(client: string | undefined, arriving: boolean): Refusal["cause"] | undefined {
    if (this.#closed) return "draining";
    if (!this.#group.link.connected) return "queue_unavailable";
    if (arriving && this.#arriving >= mostArriving(this.#size)) return "uploads_full";
    const most = this.#limitsOf(client)?.maxWaiting ?? Infinity;
    if (most < Infinity && this.#countOf(client, isUnbegun) >= most) return "client_limit";
    return undefined;
  }

  #limitsOf(client: string | undefined): LaneLimits | undefined {
    return client === undefined ? undefined : this.#size.lanes?.get(client);
  }

  #countOf(client: string | undefined, counts: (job: FrontJob) => boolean): number {
    let count = 0;
    for (const job of this.#jobs) if (job.client === client && counts(job)) count++;
    return count;
  }

  #refusal(cause: Refusal["cause"]): Refusal {
    const waiting = cause === "queue_full" ? this.#placesOfAll() : this.waiting;
    return { reserved: false, cause, waiting, retryAfterSec: this.retryAfterSec() };
  }

  #place(client: string | undefined, arriving: boolean, signal?: AbortSignal): Place {
    const grants = createGrants(this.#group.rules);
    const job = new FrontJob(this, { arriving, client }, grants, signal);
    this.#jobs.add(job);
    this.#reserved++;
    if (arriving) this.#arriving++;
    job.listen();
    return job;
  }

  /** Asks the server; a queue that cannot be asked has room, since the job will be refused when it enters. */
  async #hasRoom(): Promise<boolean> {
    try {
      const { messages, maxMessages } = await this.#group.link.size(this.#parts.names.stream);
      this.#full = messages >= maxMessages;
    } catch {
      this.#full = false;
    }
    return !this.#full;
  }

  #placesOfAll(): number {
    return this.#parts.pools().reduce((sum, { places }) => sum + places, 0);
  }

  reservationEnded({ arriving }: FrontJob): void {
    this.#reserved--;
    if (arriving) this.#arriving--;
  }

  enter(job: FrontJob): void {
    this.#byUid.set(job.spec.uid, job);
    this.#startTimeout(job);
    void this.#publish(job);
  }

  #startTimeout(job: FrontJob): void {
    const { queueTimeoutMs } = this.#size;
    if (queueTimeoutMs === Infinity) return;
    job.stopTimer = this.#group.clock.after(queueTimeoutMs, () => this.end(job, "queue_timeout"));
  }

  async #publish(job: FrontJob): Promise<void> {
    const begun = this.now();
    const number = job.published++;
    const id = number === 0 ? job.spec.uid : `${job.spec.uid}.${number}`;
    try {
      const sequence = await this.#store(job, id, begun + enterMs);
      this.#full = false;
      job.sequence = sequence;
      this.#group.report.hop("publish", (this.now() - begun) / 1000);
      if (job.state === "entering") job.state = "waiting";
      job.hasEntered();
      if (job.state === "over") await this.#remove(job);
    } catch (error) {
      if (job.state === "entering") this.#notEntered(job, error);
    }
  }

  #notEntered(job: FrontJob, error: unknown): void {
    if (!(error instanceof LinkError)) {
      // Its payload cannot be read any more.
      const failure = { kind: "spool_unusable", reason: (error as Error).message } as const;
      job.stopTimer();
      return this.#over(job, { kind: "failed", failure });
    }
    this.#full = error.trouble === "full";
    this.#left(job, this.#full ? "queue_full" : "queue_unavailable");
  }

  /** Rejects with `full`, or with another error once the time is over. */
  async #store(job: FrontJob, id: string, deadline: number): Promise<number> {
    const { link } = this.#group;
    const data = await this.#messageOf(job);
    for (;;) {
      try {
        if (!link.connected) throw new LinkError("unavailable", "there is no connection");
        const timeoutMs = Math.max(1, Math.min(questionMs, deadline - this.now()));
        return await link.store(this.#parts.names.subject, data, { id, timeoutMs });
      } catch (error) {
        const passes = error instanceof LinkError && error.trouble === "unavailable";
        if (!passes || this.now() + retryMs >= deadline || job.state === "over") throw error;
        await pause(this.#group, retryMs);
      }
    }
  }

  async #messageOf(job: FrontJob): Promise<Uint8Array<ArrayBuffer>> {
    const source = this.#sourceOf(job);
    const payload = formOf(job.spec, source);
    const length = payloadLength(payload);
    const claimFirst = this.#group.rules.onLost === "fail" ||
      (this.#limitsOf(job.client)?.maxRunning ?? Infinity) < Infinity;
    return encodeJob(
      { proto: protocol, front: this.#group.node, spec: job.spec, payload, claimFirst },
      length <= inlineBytes ? await source.read(0, length) : undefined,
    );
  }

  /** Its payload, open from the first time that another machine may need it. Throws errors of the file system. */
  #sourceOf(job: FrontJob): PayloadSource {
    return job.source ??= this.#parts.host.openPayload(job.spec.input);
  }

  /** Takes the message of a job out of the stream, so that its place is free; at most within a second. */
  async #remove(job: FrontJob): Promise<void> {
    const { sequence } = job;
    if (sequence === undefined) return;
    job.sequence = undefined;
    // A message that stays is dropped when it is offered: nobody knows its job any more.
    await Promise.race([
      this.#group.link.remove(this.#parts.names.stream, sequence).catch(() => {}),
      pause(this.#group, ackedMs),
    ]);
  }

  end(job: FrontJob, cause: LeaveCause): void {
    switch (job.state) {
      case "reserved":
        this.reservationEnded(job);
        this.#left(job, cause);
        return;
      case "entering":
      case "waiting":
        this.#left(job, cause);
        return;
      case "running":
        if (cause === "queue_timeout") return;
        this.#stop(job, cause === "shutdown" ? cause : "canceled");
        return;
      case "answering":
      case "over":
        return;
    }
  }

  /** The job does not run. Its client gets that once its place is free. */
  #left(job: FrontJob, cause: LeaveCause): void {
    job.state = "over";
    job.stopTimer();
    const outcome: JobOutcome = {
      kind: "left",
      cause,
      queuedSec: job.waitedSec(),
      retryAfterSec: this.retryAfterSec(),
    };
    if (job.sequence === undefined) this.#over(job, outcome);
    else void this.#remove(job).then(() => this.#over(job, outcome));
  }

  #stop(job: FrontJob, cause: Cancel["cause"]): void {
    if (job.isHere) job.stop.request(cause);
    else this.#cancel(job, cause);
  }

  #cancel({ grants: { holder }, spec: { uid } }: FrontJob, cause: Cancel["cause"]): void {
    if (holder === undefined) return;
    const { link, subjects } = this.#group;
    link.request(
      subjects.executor(holder, "cancel"),
      encodeCancel({ uid, cause }),
      questionMs,
    ).catch(() => {});
  }

  #over(job: FrontJob, outcome: JobOutcome): void {
    this.#jobs.delete(job);
    if (job.spec) this.#byUid.delete(job.spec.uid);
    job.source?.close();
    if (!job.isHere && job.spec) freeInput(job);
    job.over(outcome);
    this.#parts.onChange();
  }

  /** Gives no more places. Idempotent. */
  close(): void {
    this.#closed = true;
  }

  /** Forced stop: ends all jobs. Returns how many ran, and how many waited. */
  cut(): { readonly running: number; readonly waiting: number } {
    this.close();
    const jobs = [...this.#jobs];
    const running = jobs.filter(({ state }) => state === "running").length;
    const waiting = jobs.filter(({ state }) => isWaiting(state)).length;
    for (const job of jobs) this.end(job, "shutdown");
    return { running, waiting };
  }

  /** Whether the job with this unique name is one of its own. */
  has(uid: string): boolean {
    return this.#byUid.has(uid);
  }

  // What executors ask.

  /** A machine asks whether it may run a job, or says that it has begun. */
  asked({ uid, node, attempt }: JobQuestion): ClaimAnswer {
    const answer = this.#verdict(uid, node, attempt);
    this.#group.report.claimed(this.#parts.pool, answer);
    return answer;
  }

  #verdict(uid: string, node: string, attempt: number): ClaimAnswer {
    const job = this.#byUid.get(uid);
    if (!job || job.state === "answering" || job.state === "over") return "gone";
    if (job.grants.holder === undefined && this.#mustWait(job)) return "held";
    const verdict = job.grants.claim({ node, attempt }, this.now(), this.#witness(job));
    if (verdict === "lost") {
      this.#lost(job);
      return "gone";
    }
    if (verdict === "run" && job.state !== "running") {
      job.state = "running";
      job.stopTimer();
      job.queuedSec = job.waitedSec();
    }
    return verdict;
  }

  /** Whether as many jobs of its client run as may. */
  #mustWait({ client }: FrontJob): boolean {
    const most = this.#limitsOf(client)?.maxRunning ?? Infinity;
    return most < Infinity && this.#countOf(client, ({ state }) => state === "running") >= most;
  }

  #witness({ spec: { uid } }: FrontJob): Witness {
    const { nodes } = this.#group;
    const job = { pool: this.#parts.pool, uid };
    return {
      isAlive: (node) => nodes.isAlive(node, this.now()),
      denies: (node, sinceMs) => nodes.denies(node, job, sinceMs),
    };
  }

  #lost(job: FrontJob): void {
    const { holder } = job.grants;
    this.#group.report.lost(this.#parts.pool, job.spec.uid, holder);
    const reason = "the machine that ran the job was lost";
    job.state = "answering";
    void this.#remove(job).then(() =>
      this.#over(job, { kind: "failed", failure: { kind: "node_lost", reason } })
    );
  }

  /** A machine gives a job back whose run has had no effect. */
  givenBack(question: JobQuestion): void {
    const job = this.#byUid.get(question.uid);
    if (!job || job.state !== "running" || job.isHere) return;
    job.grants.giveBack(question);
    if (job.grants.holder === undefined) this.#waitAgain(job);
  }

  #waitAgain(job: FrontJob): void {
    job.isHere = false;
    if (job.clientGone) return this.#left(job, "canceled");
    job.state = "waiting";
    this.#startTimeout(job);
  }

  /** The message of a job came to a worker of this machine. Returns the job if it may run here; `run` says what follows. */
  beginHere(uid: string, attempt: number, run: LocalRun): FrontJob | Exclude<ClaimAnswer, "run"> {
    const answer = this.asked({ uid, node: this.#group.node, attempt });
    if (answer !== "run") return answer;
    const job = this.#byUid.get(uid) as FrontJob;
    job.isHere = true;
    job.localRun = { ...run, attempt };
    return job;
  }

  settledHere(job: FrontJob, outcome: JobOutcome): void {
    this.#answer(job, outcome);
    job.localRun?.settled();
  }

  releasedHere(job: FrontJob): void {
    const { attempt = 0, released } = job.localRun ?? {};
    job.grants.giveBack({ node: this.#group.node, attempt });
    const { cause } = job.stop;
    if (cause && cause !== "timed_out") {
      job.isHere = false;
      this.#left(job, cause);
    } else this.#waitAgain(job);
    released?.();
  }

  /** Reads a part of a payload. Rejects if the job is gone. */
  async read({ uid, at, length }: Portion): Promise<Uint8Array<ArrayBuffer>> {
    const job = this.#byUid.get(uid);
    if (!job || job.state === "over") throw new Error("the job is gone");
    return await this.#sourceOf(job).read(at, length);
  }

  /** A piece of live output of a job, or the start of its command. */
  output(event: ReceivedOutput): void {
    const job = this.#byUid.get(event.uid);
    if (!job || job.state !== "running" || job.grants.holder !== event.node) return;
    const node = this.#group.nodes.nameOf(event.node);
    if (event.kind === "started") job.handle?.onStarted?.({ ...event.worker, node });
    else {
      this.#missed(job, event.kind, event.at);
      job.received[event.kind] += event.bytes.length;
      job.handle?.onOutput?.(event.kind, event.bytes);
    }
  }

  /** The stream has had so many bytes so far: those that have not come are lost. */
  #missed(job: FrontJob, stream: "stdout" | "stderr", length: number): void {
    const missing = length - job.received[stream];
    if (missing <= 0) return;
    job.received[stream] = length;
    job.handle?.onLost?.(stream, missing);
  }

  /**
   * A machine has a result. Resolves with true when it was taken, which may need its bytes to be fetched; with false if nobody
   * wants it. Rejects with an error if the bytes could not be fetched; then it may come again.
   */
  async received(message: ReceivedOutcome): Promise<boolean> {
    const job = this.#byUid.get(message.uid);
    if (!job || !isOpen(job) || job.isHere) return false;
    const outcome = await this.#outcomeOf(job, message);
    if (!isOpen(job) || job.isHere) {
      closeAll(outcome);
      return false;
    }
    if (job.grants.holder !== message.node) this.#cancel(job, "canceled");
    this.#answer(job, outcome);
    return true;
  }

  async #outcomeOf(job: FrontJob, message: ReceivedOutcome): Promise<JobOutcome> {
    const { outcome } = message;
    if (outcome.kind === "failed") return outcome;
    const { kind, captures, live, ...rest } = outcome;
    const sinks: CaptureSink[] = [];
    try {
      for (const name of captureNames) {
        const sink = this.#sinkFor(job);
        sinks.push(sink);
        await this.#fill(sink, outcome, name, message);
      }
    } catch (error) {
      for (const sink of sinks) sink.close();
      throw error;
    }
    if (live) {
      for (const stream of ["stdout", "stderr"] as const) this.#missed(job, stream, live[stream]);
    }
    const [output, error, data] = captureNames.map((name, index) =>
      capturedOf(sinks[index] as CaptureSink, captures[name])
    ) as [Captured, Captured, Captured];
    const { queuedSec, spec: { id } } = job;
    const node = this.#group.nodes.nameOf(message.node);
    const names = this.#parts.host.namesOf(job.spec.command);
    return { kind, result: { ...rest, id, queuedSec, output, error, data, node, names } };
  }

  #sinkFor({ spec, handle }: FrontJob): CaptureSink {
    return this.#parts.host.keepCapture(spec, {
      disk: handle?.disk,
      onKept: (bytes) => handle?.onCaptured(bytes),
    });
  }

  async #fill(
    sink: CaptureSink,
    { captures }: Extract<RemoteOutcome, { kind: "ran" }>,
    name: CaptureOf,
    { uid, node, inline }: ReceivedOutcome,
  ): Promise<void> {
    const { length } = captures[name];
    if (inline) {
      const at = captureNames.slice(0, captureNames.indexOf(name))
        .reduce((sum, before) => sum + captures[before].length, 0);
      return await sink.write(inline.subarray(at, at + length));
    }
    const { link, subjects } = this.#group;
    const subject = subjects.executor(node, "capture");
    await fetchAll({
      length,
      chunk: chunkSize(link.maxPayload),
      ask: (at, length) =>
        link.request(subject, encodePortion({ uid, of: name, at, length }), fetchMs),
      take: (piece) => sink.write(piece),
    });
  }

  /** The outcome is there: the client gets it when the message of the job has left the stream, at the latest after a second. */
  #answer(job: FrontJob, outcome: JobOutcome): void {
    job.state = "answering";
    const stopTimer = this.#group.clock.after(ackedMs, () => job.onAcked());
    job.onAcked = () => {
      stopTimer();
      if (job.state === "answering") this.#over(job, outcome);
    };
    if (job.acked) job.onAcked();
  }

  /** The server confirms that the message of a job has left the stream. */
  acked(uid: string): void {
    const job = this.#byUid.get(uid);
    if (!job) return;
    job.acked = true;
    job.onAcked();
  }

  // What is looked at from time to time.

  /** Ends the jobs that can run no more. To be called twice a second while there is a connection. */
  look(): void {
    for (const job of [...this.#jobs]) {
      if (job.state !== "running" || job.isHere) continue;
      const witness = this.#witness(job);
      if (job.grants.isLost(witness)) this.#lost(job);
      else if (job.clientGone && !this.#holderLives(job, witness)) this.#left(job, "canceled");
    }
  }

  #holderLives({ grants: { holder } }: FrontJob, witness: Witness): boolean {
    return holder !== undefined && witness.isAlive(holder);
  }

  /**
   * Puts jobs into the stream again whose message is gone although no machine holds them: the server has lost its disk or memory, or
   * a machine has given up their result. To be called some time after a reconnection, and every ten seconds.
   */
  async audit(): Promise<void> {
    const { link, report } = this.#group;
    const { pool, names } = this.#parts;
    for (const job of [...this.#jobs]) {
      const { sequence } = job;
      if (sequence === undefined || !this.#isUnheld(job)) continue;
      const isThere = await link.read(names.stream, sequence).then(
        (data) => isJob(data, job.spec),
        (error) => error instanceof LinkError && error.trouble === "not_found" ? false : undefined,
      );
      if (isThere !== false || job.sequence !== sequence || !this.#isUnheld(job)) continue;
      if (job.grants.mayRunAgain()) {
        report.republished(pool);
        await this.#publish(job);
      } else this.#lost(job);
    }
  }

  /** Whether the message of a job should be in the stream, and no machine has it. */
  #isUnheld(job: FrontJob): boolean {
    const { state, isHere, grants: { holder }, spec } = job;
    if (state !== "waiting" && (state !== "running" || isHere)) return false;
    if (this.#group.nodes.isHeld({ pool: this.#parts.pool, uid: spec.uid }, this.now())) {
      return false;
    }
    if (holder === undefined) return true;
    const witness = this.#witness(job);
    return !witness.isAlive(holder) || witness.denies(holder, -Infinity);
  }
}

/** How long is waited before the next attempt to put a job into the stream, in milliseconds. */
const retryMs = 100;

/** Timeout for one portion of a result, in milliseconds. */
const fetchMs = 5000;

function isWaiting(state: FrontJob["state"]): boolean {
  return state === "entering" || state === "waiting";
}

function isUnbegun({ state }: FrontJob): boolean {
  return state === "reserved" || isWaiting(state);
}

function isOpen({ state }: FrontJob): boolean {
  return state !== "answering" && state !== "over";
}

/** Gives back the memory of a payload that no run here has taken. */
function freeInput({ spec: { input }, handle }: FrontJob): void {
  if (input.kind === "bytes") freeMemory(input.bytes);
  handle?.onInputStored();
}

function formOf({ input }: JobSpec, { lengths }: PayloadSource): PayloadForm {
  if (input.kind !== "parts") return { kind: input.kind, length: lengths[0] ?? 0 };
  return { kind: "parts", lengths: lengths.slice(0, -1), listLength: lengths.at(-1) ?? 0 };
}

function capturedOf(sink: CaptureSink, { truncated, unreadable }: CaptureForm): Captured {
  const captured = sink.captured();
  return {
    ...captured,
    truncated: truncated || captured.truncated,
    ...(unreadable ? { unreadable } : {}),
  };
}

function closeAll(outcome: JobOutcome): void {
  if (outcome.kind !== "ran") return;
  const { output, error, data } = outcome.result;
  for (const { file } of [output, error, data]) file?.close();
}

/** Whether the content of a message is this job. */
function isJob(data: Uint8Array<ArrayBuffer>, { uid }: JobSpec): boolean {
  const job = decodeJob(data);
  return typeof job === "object" && job.spec.uid === uid;
}
