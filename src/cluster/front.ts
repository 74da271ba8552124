/**
 * The front of a pool: it has the clients of this machine and decides alone what becomes of their jobs. The stream only counts
 * jobs, orders them and offers them again.
 *
 * @module
 */

import { freeMemory } from "../async/bytes.ts";
import type { JobHandle, JobOutcome, LeaveCause } from "../jobs/job.ts";
import type { About, Cut, LineSize, Place, Refusal } from "../jobs/line.ts";
import type { PayloadSource } from "../spool/payload_source.ts";
import { Admission } from "./admission.ts";
import { cancelRun } from "./cancel.ts";
import { FrontJob, type JobFront, type LocalRun } from "./front_job.ts";
import { createGrants, type Witness } from "./grants.ts";
import type { Group } from "./group.ts";
import type { PoolHost } from "./host.ts";
import { LinkError, type StreamNames } from "./link.ts";
import type {
  ClaimAnswer,
  JobQuestion,
  Portion,
  ReceivedOutcome,
  ReceivedOutput,
} from "./messages.ts";
import { type PoolBeat, retryAfterSec } from "./nodes.ts";
import { Outbox } from "./outbox.ts";
import type { ClaimResult } from "./report.ts";
import { Results } from "./results.ts";

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
  readonly onOver: () => void;
}

/** See the module's head. */
export class Front implements JobFront {
  readonly #parts: FrontParts;
  readonly #group: Group;
  readonly #outbox: Outbox;
  readonly #admission: Admission;
  readonly #results: Results;
  /** The jobs of this machine's clients, in the order in which their places were reserved. */
  readonly #jobs = new Set<FrontJob>();
  readonly #byUid = new Map<string, FrontJob>();
  #isAuditing = false;

  /** An open front without jobs. */
  constructor(parts: FrontParts, size: LineSize) {
    const { group, names, host } = parts;
    this.#parts = parts;
    this.#group = group;
    this.#admission = new Admission({ group, stream: names.stream, jobs: this.#jobs }, size);
    this.#results = new Results({
      group,
      host,
      onOutcome: (job, outcome) => this.#answered(job, outcome),
    });
    this.#outbox = new Outbox({
      group,
      names,
      sourceOf: (job) => this.#sourceOf(job),
      claimFirst: ({ client }) =>
        group.rules.onLost === "fail" || this.#admission.limitsRunning(client),
    });
  }

  now(): number {
    return this.#group.clock.now();
  }

  /** Whether no place is given any more. */
  get closed(): boolean {
    return this.#admission.closed;
  }

  /** Number of jobs that are not over, reserved places included. */
  get unfinished(): number {
    return this.#jobs.size;
  }

  /** Jobs that wait, plus reserved places for which no worker of this machine is idle. */
  get waiting(): number {
    let waiting = 0;
    for (const { isWaiting } of this.#jobs) if (isWaiting) waiting++;
    return waiting + Math.max(0, this.#admission.reserved - this.#parts.idleWorkers());
  }

  /** The commands of the jobs that wait. */
  wanted(): readonly string[] {
    const waiting = [...this.#jobs].filter(({ isWaiting }) => isWaiting);
    return [...new Set(waiting.map(({ spec }) => spec.command))];
  }

  /** How long the first of them has waited, in seconds. */
  oldestWaitSec(): number {
    for (const job of this.#jobs) if (job.isWaiting) return job.waitedSec();
    return 0;
  }

  /** Whole seconds after which a refused client should retry. */
  retryAfterSec(): number {
    return retryAfterSec(this.#parts.pools());
  }

  positionOf(job: FrontJob): number {
    if (!job.isWaiting) return 0;
    let position = 0;
    for (const each of this.#jobs) {
      if (each.isWaiting) position++;
      if (each === job) break;
    }
    return position;
  }

  /** Changes the limits for new jobs. */
  resize(size: LineSize): void {
    this.#admission.resize(size);
  }

  /** Gives no more places. Idempotent. */
  close(): void {
    this.#admission.close();
  }

  /** As `Line.reserve`. */
  reserve(about: About, signal?: AbortSignal): Place | Refusal | Promise<Place | Refusal> {
    const answer = (cause: Refusal["cause"] | undefined) =>
      cause ? this.#refusal(cause) : this.#place(about, signal);
    const refusal = this.#admission.refusal(about);
    return refusal instanceof Promise ? refusal.then(answer) : answer(refusal);
  }

  #refusal(cause: Refusal["cause"]): Refusal {
    const waiting = cause === "queue_full" ? this.#placesOfAll() : this.waiting;
    return { reserved: false, cause, waiting, retryAfterSec: this.retryAfterSec() };
  }

  #placesOfAll(): number {
    return this.#parts.pools().reduce((sum, { places }) => sum + places, 0);
  }

  #place({ client, arriving = false }: About, signal: AbortSignal | undefined): Place {
    const grants = createGrants(this.#group.rules);
    const job = new FrontJob(this, { arriving, client }, grants, signal);
    this.#jobs.add(job);
    this.#admission.began(arriving);
    job.listen();
    return job;
  }

  reservationEnded({ arriving }: FrontJob): void {
    this.#admission.ended(arriving);
  }

  enter(job: FrontJob): void {
    this.#byUid.set(job.spec.uid, job);
    this.#startTimeout(job);
    void this.#publish(job);
  }

  #startTimeout(job: FrontJob): void {
    job.mayWaitMs ??= this.#admission.queueTimeoutMs;
    if (job.mayWaitMs === Infinity) return;
    const begun = this.now();
    const stop = this.#group.clock.after(job.mayWaitMs, () => this.end(job, "queue_timeout"));
    job.stopTimer = () => {
      stop();
      job.stopTimer = () => {};
      job.mayWaitMs = Math.max(0, (job.mayWaitMs ?? 0) - (this.now() - begun));
    };
  }

  /** Puts a job into the queue, for the first time or again. */
  async #publish(job: FrontJob): Promise<void> {
    const begun = this.now();
    try {
      await this.#outbox.put(job);
      this.#admission.heard({ isFull: false });
      this.#group.report.hop("publish", (this.now() - begun) / 1000);
      job.hasEntered();
      if (job.state === "over") await this.#outbox.remove(job);
    } catch (error) {
      this.#notPublished(job, error);
    }
  }

  #notPublished(job: FrontJob, error: unknown): void {
    if (error instanceof LinkError) {
      const isFull = error.trouble === "full";
      if (isFull) this.#admission.heard({ isFull });
      if (job.state === "entering") this.#left(job, isFull ? "queue_full" : "queue_unavailable");
      return;
    }
    this.#failed(job, error);
  }

  /** No other machine can get the job: either its payload cannot be read any more, or there is a bug. */
  #failed(job: FrontJob, error: unknown): void {
    if (!job.isOpen || job.localRun) return;
    job.state = "answering";
    const isBug = error instanceof TypeError || error instanceof RangeError;
    const kind = isBug ? "internal" : "spool_unusable";
    this.#removed(job, { kind: "failed", failure: { kind, reason: (error as Error).message } });
  }

  /** Its payload, open from the first time that another machine may need it. Throws errors of the file system. */
  #sourceOf(job: FrontJob): PayloadSource {
    return job.source ??= this.#parts.host.openPayload(job.spec.input);
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
        if (cause === "canceled" || cause === "shutdown") this.#stop(job, cause);
        return;
      case "answering":
      case "over":
        return;
    }
  }

  #stop(job: FrontJob, cause: "canceled" | "shutdown"): void {
    job.stop.request(cause);
    if (!job.localRun) this.#lookAt(job);
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
    this.#removed(job, outcome);
  }

  /** The job was lost, and may not run again. */
  #lost(job: FrontJob, holder: string | undefined): void {
    this.#group.report.lost(this.#parts.pool, job.spec.uid, holder);
    job.state = "answering";
    const reason = "the machine that ran the job was lost";
    this.#removed(job, { kind: "failed", failure: { kind: "node_lost", reason } });
  }

  #removed(job: FrontJob, outcome: JobOutcome): void {
    if (job.sequence === undefined) this.#over(job, outcome);
    else void this.#outbox.remove(job).then(() => this.#over(job, outcome));
  }

  #answered(job: FrontJob, outcome: JobOutcome): void {
    // Its machine may have died before it acknowledged the message, or may have had an earlier one of it.
    if (!job.acked || job.published > 1) void this.#outbox.remove(job);
    this.#over(job, outcome);
  }

  #over(job: FrontJob, outcome: JobOutcome): void {
    this.#jobs.delete(job);
    if (job.spec) this.#byUid.delete(job.spec.uid);
    job.source?.close();
    // A run of this machine has taken the payload.
    if (job.spec && !job.localRun) freeInput(job);
    job.over(outcome);
    this.#parts.onOver();
  }

  /** Forced stop: ends all jobs. Returns how many ran, and how many waited. */
  cut(): Cut {
    this.close();
    const jobs = [...this.#jobs];
    const running = jobs.filter(({ state }) => state === "running").length;
    const waiting = jobs.filter(({ isWaiting }) => isWaiting).length;
    for (const job of jobs) this.end(job, "shutdown");
    return { running, waiting };
  }

  /** Whether the job with this unique name is one of its own. */
  has(uid: string): boolean {
    return this.#byUid.has(uid);
  }

  // What executors ask.

  /** A machine asks whether it may run a job, or says that it has begun. */
  asked(question: JobQuestion): ClaimAnswer {
    const verdict = this.#verdict(question);
    this.#group.report.claimed(this.#parts.pool, verdict);
    return verdict === "lost" ? "gone" : verdict;
  }

  #verdict({ uid, ...claimant }: JobQuestion): ClaimResult {
    const job = this.#byUid.get(uid);
    if (!job?.isOpen) return "gone";
    if (job.localRun) return "held";
    const { grants, endCause } = job;
    const witness = this.#witness(job);
    if (endCause && !grants.isHeldBy(claimant)) {
      if (grants.isHeld(witness)) return "held";
      this.#left(job, endCause);
      return "gone";
    }
    const { holder, begun } = grants;
    if (holder === undefined && this.#admission.runsMost(job.client)) return "held";
    const verdict = grants.claim(claimant, this.now(), witness);
    if (verdict === "lost") this.#lost(job, holder);
    if (verdict === "run" && grants.begun > begun) job.begins();
    return verdict;
  }

  #witness({ spec: { uid } }: FrontJob): Witness {
    const { nodes } = this.#group;
    const job = { pool: this.#parts.pool, uid };
    return {
      isAlive: (node) => nodes.isAlive(node, this.now()),
      denies: (node, sinceMs) => nodes.denies(node, job, sinceMs),
    };
  }

  /** A machine gives a job back whose run has had no effect. */
  givenBack(question: JobQuestion): void {
    const job = this.#byUid.get(question.uid);
    if (!job || job.state !== "running" || job.localRun) return;
    job.grants.giveBack(question);
    if (job.grants.holder === undefined) this.#waitAgain(job);
  }

  #waitAgain(job: FrontJob): void {
    if (job.endCause) return this.#left(job, job.endCause);
    job.state = "waiting";
    this.#startTimeout(job);
  }

  /** The message of a job came to a worker of this machine. Returns the job if it may run here. */
  beginHere(uid: string, localRun: LocalRun): FrontJob | Exclude<ClaimAnswer, "run"> {
    const { node, nodes } = this.#group;
    const answer = this.asked({ uid, node, attempt: localRun.attempt });
    if (answer !== "run") return answer;
    const job = this.#byUid.get(uid) as FrontJob;
    job.localRun = localRun;
    if (job.handle?.onStarted) job.handle = naming(job.handle, nodes.nameOf(node));
    return job;
  }

  settledHere(job: FrontJob, outcome: JobOutcome): void {
    this.#results.settledHere(job, outcome);
  }

  releasedHere(job: FrontJob): void {
    const { localRun } = job;
    if (!localRun) return;
    job.localRun = undefined;
    job.grants.giveBack({ node: this.#group.node, attempt: localRun.attempt });
    this.#waitAgain(job);
    localRun.released();
  }

  /**
   * Reads a part of a payload; nothing if there is no such part. Rejects if the job is gone, or a worker of this machine has it. If
   * the payload cannot be read, the job fails.
   */
  async read({ uid, at, length }: Portion): Promise<Uint8Array<ArrayBuffer>> {
    const job = this.#byUid.get(uid);
    if (!job?.isOpen || job.localRun) throw new Error("the job is gone");
    try {
      const source = this.#sourceOf(job);
      const end = source.lengths.reduce((sum, each) => sum + each, 0);
      if (at + length > end) return nothing;
      return await source.read(at, length);
    } catch (error) {
      // Otherwise machines would ask for it for ever.
      this.#failed(job, error);
      throw error;
    }
  }

  /** A piece of live output of a job, or the start of its command. */
  output(event: ReceivedOutput): void {
    const job = this.#byUid.get(event.uid);
    if (job) this.#results.output(job, event);
  }

  /**
   * A machine has a result. Resolves with true when it was taken, which may need its bytes to be fetched; with false if nobody
   * wants it. Rejects with an error if the bytes could not be fetched; then it may come again.
   */
  async received(message: ReceivedOutcome): Promise<boolean> {
    const job = this.#byUid.get(message.uid);
    return job !== undefined && await this.#results.received(job, message);
  }

  /** The server confirms that the message of a job has left the stream. */
  acked(uid: string): void {
    const job = this.#byUid.get(uid);
    if (job) this.#results.acked(job);
  }

  // What is looked at from time to time.

  /** Ends the jobs that can run no more, and says again what is to end. To be called twice a second. */
  look(): void {
    for (const job of [...this.#jobs]) {
      if (job.state === "running" && !job.localRun) this.#lookAt(job);
    }
  }

  #lookAt(job: FrontJob): void {
    const { grants, endCause, stop } = job;
    if (!this.#group.link.connected) {
      // Nobody can be asked; a stop does not wait for that.
      if (endCause === "shutdown") this.#left(job, endCause);
      return;
    }
    const witness = this.#witness(job);
    const { holder } = grants;
    if (grants.isLost(witness)) this.#lost(job, holder);
    else if (endCause && !grants.isHeld(witness)) this.#left(job, endCause);
    else if (endCause && stop.cause) cancelRun(this.#group, job, endCause);
  }

  /**
   * Puts jobs into the stream again whose message is gone although no machine holds them: the server has lost its disk or memory, or
   * a machine has given up their result. Removes messages that could not be removed before. To be called some time after a
   * reconnection, and every ten seconds.
   */
  async audit(): Promise<void> {
    if (this.#isAuditing) return;
    this.#isAuditing = true;
    try {
      await this.#outbox.removeLeft();
      for (const job of [...this.#jobs]) await this.#auditOne(job);
    } catch {
      // The server does not say what it has; the next audit may get to know.
    }
    this.#isAuditing = false;
  }

  async #auditOne(job: FrontJob): Promise<void> {
    if (!this.#isUnheld(job) || await this.#outbox.holds(job) || !this.#isUnheld(job)) return;
    const { grants, endCause } = job;
    if (endCause) this.#left(job, endCause);
    else if (!grants.mayRunAgain()) this.#lost(job, grants.holder);
    else {
      this.#group.report.republished(this.#parts.pool);
      await this.#publish(job);
    }
  }

  /** Whether the message of a job should be in the stream, and no machine has it. */
  #isUnheld(job: FrontJob): boolean {
    const { state, localRun, taking, spec, grants } = job;
    if (localRun || taking || (state !== "waiting" && state !== "running")) return false;
    const { nodes } = this.#group;
    if (nodes.isHeld({ pool: this.#parts.pool, uid: spec.uid }, this.now())) return false;
    return !grants.isHeld(this.#witness(job));
  }
}

const nothing = new Uint8Array();

/** Says, when the command starts, on which machine that is. */
function naming(handle: JobHandle, node: string): JobHandle {
  return {
    onInputStored: () => handle.onInputStored(),
    onCaptured: (bytes) => handle.onCaptured(bytes),
    onStarted: (worker) => handle.onStarted?.({ ...worker, node }),
    onOutput: (stream, bytes) => handle.onOutput?.(stream, bytes),
    onLost: (stream, bytes) => handle.onLost?.(stream, bytes),
    ...(handle.disk ? { disk: handle.disk } : {}),
  };
}

/** Gives back the memory of a payload that no run here has taken. */
function freeInput({ spec: { input }, handle }: FrontJob): void {
  if (input.kind === "bytes") freeMemory(input.bytes);
  handle?.onInputStored();
}
