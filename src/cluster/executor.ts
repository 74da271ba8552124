/**
 * The executor of a pool: it takes jobs of the group out of the stream for the workers of this machine. Those of this machine's own
 * clients it gets from its front; the others are in `remote_job.ts`.
 *
 * @module
 */

import type { Lease } from "../jobs/line.ts";
import { createRunTimes } from "../jobs/run_times.ts";
import { decodeAnswer, decodeJob, encodeQuestion } from "./codec.ts";
import type { Front } from "./front.ts";
import type { Group } from "./group.ts";
import type { PoolHost } from "./host.ts";
import {
  acknowledgements,
  giveBack,
  type Incoming,
  LinkError,
  type Offer,
  offerOf,
  type StreamNames,
} from "./link.ts";
import type { Cancel, CaptureOf, ClaimAnswer, JobQuestion, ReceivedJob } from "./messages.ts";
import { createPulls, type Pulls } from "./pulls.ts";
import { type Acknowledgement, RemoteJob } from "./remote_job.ts";

/** How long a message that cannot be dealt with now stays away, in milliseconds. */
const awayMs = 1000;

/** How long a front is given to answer a question, in milliseconds; less if it seems to be dead. */
const questionMs = 1000;
const lastQuestionMs = 500;

/** What an executor is made of. */
export interface ExecutorParts {
  /** What it shares with the rest of the room. */
  readonly group: Group;
  /** Name of its pool. */
  readonly pool: string;
  /** The stream of the pool. */
  readonly names: StreamNames;
  /** The pool. */
  readonly host: PoolHost;
  /** The front of the same pool. */
  readonly front: Front;
  /** Whether another machine takes jobs of the pool. */
  readonly hasOthers: () => boolean;
}

/** A message that this machine has, from its delivery until it has left the stream or was given back. */
interface Held {
  /** Where it is acknowledged. */
  readonly reply: string;
  /** The job, if it is another machine's. */
  remote?: RemoteJob;
  /** When a worker got the job; undefined before that and after its run. */
  begunMs?: number | undefined;
}

/** A worker that waits. */
interface Taker {
  readonly stays: (() => boolean) | undefined;
  readonly resolve: (lease: Lease | undefined) => void;
  /** Ends its pull; undefined while it has none. */
  stop: (() => void) | undefined;
  /** Whether a job is on its way to it. */
  offered: boolean;
}

/** See the module's head. */
export class Executor {
  readonly #parts: ExecutorParts;
  readonly #group: Group;
  readonly #pulls: Pulls;
  readonly #held = new Map<string, Held>();
  readonly #takers = new Set<Taker>();
  /** Fronts that did not answer, with the time of that. */
  readonly #suspects = new Map<string, number>();
  readonly #runTimes = createRunTimes();
  #paused = false;
  #ended = false;
  #idle: (() => void) | undefined;

  /** An executor without workers. */
  constructor(parts: ExecutorParts) {
    this.#parts = parts;
    this.#group = parts.group;
    this.#pulls = createPulls(parts.group, parts.names, `${parts.pool}-`, (message) => {
      this.#group.link.publish(message.reply, giveBack(0));
    });
  }

  /** Number of workers that wait and have no job on its way. */
  get idleWorkers(): number {
    return this.#pulls.waiting;
  }

  /** Unique names of the jobs whose messages are here. */
  get held(): readonly string[] {
    return [...this.#held.keys()];
  }

  /** Number of workers that have a job. */
  get busy(): number {
    return [...this.#held.values()].filter(({ begunMs }) => begunMs !== undefined).length;
  }

  /** Mean time of recent runs in seconds; 0 before the first. */
  get meanRunSec(): number {
    return this.#runTimes.meanMs / 1000;
  }

  /** Number of results that have not been taken. */
  get undelivered(): number {
    return [...this.#held.values()].filter(({ remote }) => remote && !remote.isRunning).length;
  }

  /** As `Line.take`. */
  take(stays?: () => boolean): Promise<Lease | undefined> {
    if (this.#ended || stays?.() === false) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const taker: Taker = { stays, resolve, stop: undefined, offered: false };
      this.#takers.add(taker);
      this.#wait(taker);
    });
  }

  #wait(taker: Taker): void {
    if (this.#paused) return;
    taker.stop = this.#pulls.open((message) => {
      taker.stop = undefined;
      taker.offered = true;
      void this.#offered(message).then((lease) => {
        taker.offered = false;
        if (lease) this.#begin(taker, lease);
        else if (this.#ended || taker.stays?.() === false) this.#leave(taker, undefined);
        else this.#wait(taker);
      });
    });
  }

  #begin(taker: Taker, lease: Lease): void {
    const held = this.#held.get(lease.spec.uid);
    if (held) held.begunMs = this.#group.clock.now();
    this.#leave(taker, lease);
  }

  /** The run of a job is over. */
  #ran(held: Held): void {
    if (held.begunMs === undefined) return;
    this.#runTimes.add(this.#group.clock.now() - held.begunMs);
    held.begunMs = undefined;
  }

  #leave(taker: Taker, lease: Lease | undefined): void {
    this.#takers.delete(taker);
    taker.stop?.();
    taker.resolve(lease);
  }

  /** As `Line.recall`. */
  recall(): void {
    for (const taker of [...this.#takers]) {
      if (!taker.offered && taker.stays?.() === false) this.#leave(taker, undefined);
    }
  }

  /** Whether jobs are taken; workers go on waiting. */
  pause(paused: boolean): void {
    if (paused === this.#paused) return;
    this.#paused = paused;
    for (const taker of this.#takers) {
      if (taker.offered) continue;
      taker.stop?.();
      taker.stop = undefined;
      this.#wait(taker);
    }
  }

  /** No more jobs are taken: workers that wait, and those that come, get none. Idempotent. */
  end(): void {
    this.#ended = true;
    for (const taker of [...this.#takers]) if (!taker.offered) this.#leave(taker, undefined);
  }

  /** Asks for jobs anew, after a reconnection, and gives a sign of life for those that are here. */
  renew(): void {
    this.#pulls.renew();
    this.signLife();
  }

  /** Tells the server that the jobs here are being dealt with. To be called more often than the server waits. */
  signLife(): void {
    for (const { reply } of this.#held.values()) {
      this.#group.link.publish(reply, acknowledgements.working);
    }
  }

  /** Ends the jobs of other machines that run here. Returns their number. */
  cut(): number {
    const running = [...this.#held.values()].filter(({ remote }) => remote?.isRunning);
    for (const { remote } of running) remote?.stop.request("shutdown");
    return running.length;
  }

  /** Whether the message of the job with this unique name is here. */
  has(uid: string): boolean {
    return this.#held.has(uid);
  }

  /** Resolves when nothing is held any more; to be called once, when no job is taken any more. */
  idle(): Promise<void> {
    if (this.#held.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle = resolve);
  }

  /** Ends everything. */
  close(): void {
    this.end();
    this.#pulls.close();
    for (const { remote } of this.#held.values()) remote?.giveUp();
  }

  /** The front of a job wants its run ended. */
  canceled({ uid, cause }: Cancel): void {
    this.#held.get(uid)?.remote?.stop.request(cause);
  }

  /** Reads a part of a capture of a job whose result is here. Rejects if there is none. */
  async read(
    uid: string,
    of: CaptureOf,
    at: number,
    length: number,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const remote = this.#held.get(uid)?.remote;
    if (!remote) throw new Error("the result is gone");
    return await remote.read(of, at, length);
  }

  /** A message came. Resolves with the job if a worker of this machine may run it. */
  async #offered({ reply, data }: Incoming): Promise<Lease | undefined> {
    const { link, report } = this.#group;
    const offer = offerOf(reply);
    if (!offer) return undefined;
    if (offer.attempt > 1) report.redelivered(this.#parts.pool);
    const job = decodeJob(data);
    if (job === undefined) {
      report.misunderstood("a job");
      link.publish(reply, acknowledgements.drop);
      return undefined;
    }
    if (job === "newer" || this.#held.has(job.spec.uid)) {
      link.publish(reply, giveBack(awayMs));
      return undefined;
    }
    const held: Held = { reply };
    this.#held.set(job.spec.uid, held);
    try {
      return job.front === this.#group.node
        ? this.#own(job, held, offer)
        : await this.#foreign(job, held, offer);
    } catch (error) {
      report.misunderstood(`a job: ${(error as Error).message}`);
      this.#drop(job.spec.uid, away);
      return undefined;
    }
  }

  /** The message is no longer here. */
  #drop(uid: string, acknowledgement: Acknowledgement | undefined): void {
    const held = this.#held.get(uid);
    if (!held) return;
    if (acknowledgement) {
      this.#group.link.publish(held.reply, acknowledgement.kind, acknowledgement.confirmTo);
    }
    this.#held.delete(uid);
    if (this.#held.size === 0) this.#idle?.();
  }

  #own({ spec: { uid } }: ReceivedJob, held: Held, { attempt }: Offer): Lease | undefined {
    const { subjects, node } = this.#group;
    const job = this.#parts.front.beginHere(uid, attempt, {
      settled: () => {
        this.#ran(held);
        this.#drop(uid, { kind: acknowledgements.done, confirmTo: subjects.acked(node, uid) });
      },
      released: () => this.#drop(uid, { kind: giveBack(0) }),
    });
    if (typeof job !== "string") return job;
    this.#drop(uid, refused(job));
    return undefined;
  }

  /** A command that the pool does not have, and a front that must be asked first, come before everything that costs something. */
  async #foreign(job: ReceivedJob, held: Held, { attempt }: Offer): Promise<Lease | undefined> {
    const { host } = this.#parts;
    const { uid, command: name } = job.spec;
    if (!Object.hasOwn(host.digests, name)) {
      this.#drop(uid, away);
      return undefined;
    }
    const mayBegin = attempt === 1 && !job.claimFirst && job.inline !== undefined &&
      !this.#isSuspect(job.front);
    if (!mayBegin) {
      const answer = await this.#claim(job, attempt);
      if (answer !== "run") {
        this.#drop(uid, refused(answer));
        return undefined;
      }
    }
    const remote = new RemoteJob(this.#group, { ...job, attempt, reply: held.reply }, {
      pool: this.#parts.pool,
      command: host.use(name),
      share: host.openShare(),
      hasOthers: this.#parts.hasOthers,
      settled: () => this.#ran(held),
      over: (acknowledgement) => this.#drop(uid, acknowledgement),
    });
    held.remote = remote;
    if (mayBegin) void this.#announce(remote, job.front);
    return await remote.load() ? remote : remote.back(awayMs);
  }

  /** Tells the front that its job has begun. If it does not want that, the run is ended and has no result. */
  async #announce(remote: RemoteJob, front: string): Promise<void> {
    const answer = await this.#ask("started", front, remote.question, questionMs);
    if (answer === "gone" || answer === "held") remote.revoke(refused(answer));
  }

  /** Asks the front whether its job may be run. A front that is dead has no jobs. */
  async #claim({ front, spec: { uid } }: ReceivedJob, attempt: number): Promise<ClaimAnswer> {
    const { node, nodes, clock, report } = this.#group;
    const begun = clock.now();
    const lives = nodes.isAlive(front, begun);
    const question = { uid, node, attempt };
    const answer = await this.#ask("claim", front, question, lives ? questionMs : lastQuestionMs);
    report.hop("claim", (clock.now() - begun) / 1000);
    return answer ?? (nodes.isAlive(front, clock.now()) ? "held" : "gone");
  }

  /** Resolves with undefined if the front did not answer. */
  async #ask(
    verb: "started" | "claim",
    front: string,
    question: JobQuestion,
    timeoutMs: number,
  ): Promise<ClaimAnswer | undefined> {
    const { link, subjects, clock } = this.#group;
    try {
      const data = encodeQuestion(question);
      return decodeAnswer(await link.request(subjects.front(front, verb), data, timeoutMs));
    } catch (error) {
      if (error instanceof LinkError && error.trouble === "no_responders") {
        this.#suspects.set(front, clock.now());
      }
      return undefined;
    }
  }

  /** Whether a front has not answered lately, and has not been heard since. */
  #isSuspect(front: string): boolean {
    const { nodes, clock } = this.#group;
    if (!nodes.isAlive(front, clock.now())) return true;
    const since = this.#suspects.get(front);
    if (since === undefined) return false;
    if (!nodes.heardSince(front, since)) return true;
    this.#suspects.delete(front);
    return false;
  }
}

/** How a message is acknowledged whose job may not be run now. */
const away: Acknowledgement = { kind: giveBack(awayMs) };

/** How a message is acknowledged whose job may not be run. */
function refused(answer: Exclude<ClaimAnswer, "run">): Acknowledgement {
  return answer === "gone" ? { kind: acknowledgements.drop } : away;
}
