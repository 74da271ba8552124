/**
 * The executor of a pool: it takes jobs of the group out of the stream for the workers of this machine. Those of this machine's own
 * clients it gets from its front; the others are in `remote_job.ts`.
 *
 * @module
 */

import type { Lease } from "../jobs/line.ts";
import { createRunTimes } from "../jobs/run_times.ts";
import { pause } from "./clock.ts";
import { decodeJob } from "./codec.ts";
import type { Acknowledgement } from "./deliver.ts";
import type { Front } from "./front.ts";
import { Fronts } from "./fronts.ts";
import type { Group } from "./group.ts";
import type { PoolHost } from "./host.ts";
import {
  acknowledgements,
  giveBack,
  type Incoming,
  type Offer,
  offerOf,
  type StreamNames,
} from "./link.ts";
import type { Cancel, CaptureOf, ClaimAnswer, JobQuestion, ReceivedJob } from "./messages.ts";
import { RemoteJob } from "./remote_job.ts";
import { Takers } from "./takers.ts";

/** How long a message that cannot be dealt with now stays away, in milliseconds. */
const awayMs = 1000;

/** Of how many jobs the number of the last offer is remembered: those that were here lately. */
const mostAttempts = 4096;

/** What an executor is made of. */
export interface ExecutorParts {
  /** What it shares with the rest of the room. */
  readonly group: Group;
  /** Name of its pool. */
  readonly pool: string;
  /** A name that no other executor of this machine has or had: a token of subjects. */
  readonly name: string;
  /** The stream of the pool. */
  readonly names: StreamNames;
  /** The pool. */
  readonly host: PoolHost;
  /** The front of the same pool. */
  readonly front: Front;
  /** Whether another machine takes jobs with this command. */
  readonly othersTake: (command: string) => boolean;
}

/** A message that this machine has, from its delivery until it has left the stream or was given back. */
interface Held {
  /** Where it is acknowledged. */
  readonly reply: string;
  /** When it came; a time of the group's clock. */
  readonly offeredMs: number;
  /** The job, if it is another machine's. */
  remote?: RemoteJob;
  /** When a worker got the job; undefined before that and after its run. */
  begunMs?: number | undefined;
}

/** See the module's head. */
export class Executor {
  readonly #parts: ExecutorParts;
  readonly #group: Group;
  readonly #held = new Map<string, Held>();
  /** Numbers of the last offers of jobs. */
  readonly #attempts = new Map<string, number>();
  readonly #takers: Takers;
  readonly #fronts: Fronts;
  readonly #runTimes = createRunTimes();
  /** When this machine last had a connection, as far as it looked. */
  #connectedMs: number;
  /** When it last looked, and when it last did so late: it was frozen until then. */
  #lookedMs: number;
  #lateMs = -Infinity;
  /** Those who wait for `idle`. */
  readonly #idle: (() => void)[] = [];

  /** An executor without workers. */
  constructor(parts: ExecutorParts) {
    this.#parts = parts;
    this.#group = parts.group;
    this.#fronts = new Fronts(parts.group);
    this.#connectedMs = this.#lookedMs = parts.group.clock.now();
    this.#takers = new Takers({
      group: parts.group,
      names: parts.names,
      prefix: `${parts.name}-`,
      offer: (message) => this.#offered(message),
      onLease: ({ spec: { uid } }) => this.#begins(uid),
    });
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

  /** When a part of a result that is here was last read; a time of the group's clock. */
  get readMs(): number {
    return Math.max(...[...this.#held.values()].map(({ remote }) => remote?.readMs ?? -Infinity));
  }

  /** The workers of this machine that wait for a job. */
  get takers(): Takers {
    return this.#takers;
  }

  #begins(uid: string): void {
    const held = this.#held.get(uid);
    if (held) held.begunMs = this.#group.clock.now();
  }

  /** The run of a job is over. */
  #ran(held: Held): void {
    if (held.begunMs === undefined) return;
    this.#runTimes.add(this.#group.clock.now() - held.begunMs);
    held.begunMs = undefined;
  }

  /** Asks for jobs anew, after a reconnection, and gives a sign of life for those that are here. */
  renew(): void {
    this.#takers.renew();
    this.signLife();
  }

  /** Tells the server that the jobs here are being dealt with. To be called more often than the server waits. */
  signLife(): void {
    for (const { reply } of this.#held.values()) {
      this.#group.link.publish(reply, acknowledgements.working);
    }
  }

  /**
   * Ends the runs for which nobody waits: their machine is dead, and wants them ended then; or, if no job may be begun twice, this
   * machine was cut off for so long that the job counts as lost. To be called twice a second.
   */
  look(): void {
    const { link, clock, ackWaitMs, rules } = this.#group;
    const now = clock.now();
    if (this.#isTooLong(now - this.#lookedMs)) this.#lateMs = now;
    this.#lookedMs = now;
    const connectedMs = this.#connectedMs;
    if (link.connected) this.#connectedMs = now;
    for (const { remote, offeredMs } of this.#held.values()) {
      if (!remote?.isRunning) continue;
      // What came over a connection that is back was not lost with the one before.
      const isLost = rules.onLost === "fail" && now - Math.max(connectedMs, offeredMs) >= ackWaitMs;
      const isOrphan = link.connected && remote.spec.onDisconnect === "cancel" &&
        this.#fronts.isDead(remote.front);
      if (isLost || isOrphan) remote.revoke(refused("gone"));
    }
  }

  /** Whether the others may think, after this machine has said nothing for so long, that it is dead. */
  #isTooLong(ms: number): boolean {
    return ms >= this.#group.nodeTimeoutMs / 2;
  }

  /** Whether this machine is, or was lately, so late that a message can have waited here for long, and now be another machine's. */
  #isLate(): boolean {
    const now = this.#group.clock.now();
    return this.#isTooLong(now - this.#lookedMs) || !this.#isTooLong(now - this.#lateMs);
  }

  /** Whether there is a connection again, since a short time: a server that was killed may offer as new what another machine has. */
  #isBack(): boolean {
    const { link, clock, ackWaitMs } = this.#group;
    return link.connections > 1 && clock.now() - link.connectedAt < ackWaitMs;
  }

  /** Ends the jobs of other machines that run here. Returns their number. */
  cut(): number {
    const running = [...this.#held.values()].map(({ remote }) => remote)
      .filter((remote) => remote?.isRunning);
    for (const remote of running) remote?.cut();
    return running.length;
  }

  /** Whether the message of the job with this unique name is here. */
  has(uid: string): boolean {
    return this.#held.has(uid);
  }

  /** Resolves when nothing is held; to be called when no job is taken any more. */
  idle(): Promise<void> {
    if (this.#held.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** Ends everything. */
  close(): void {
    this.#takers.close();
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
    const offered = offerOf(reply);
    if (!offered) return undefined;
    if (offered.attempt > 1) report.redelivered(this.#parts.pool);
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
    const offer = { ...offered, attempt: this.#attemptOf(job.spec.uid, offered.attempt) };
    const held: Held = { reply, offeredMs: this.#group.clock.now() };
    this.#held.set(job.spec.uid, held);
    try {
      return job.front === this.#group.node
        ? this.#own(job, held, offer)
        : await this.#foreign(job, held, offer);
    } catch (error) {
      // Its command was removed meanwhile.
      report.misunderstood(`a job: ${(error as Error).message}`);
      this.#fronts.giveBack(job.front, this.#question(job, offer));
      this.#drop(job.spec.uid, away);
      return undefined;
    }
  }

  /**
   * The number by which a front knows this offer of a job. It rises: a server that was killed can have forgotten its last offers, and
   * the front would take a new one for one that it has granted.
   */
  #attemptOf(uid: string, attempt: number): number {
    const rising = Math.max(attempt, (this.#attempts.get(uid) ?? 0) + 1);
    // The latest are the last.
    this.#attempts.delete(uid);
    this.#attempts.set(uid, rising);
    if (this.#attempts.size > mostAttempts) {
      const [oldest] = this.#attempts.keys();
      this.#attempts.delete(oldest as string);
    }
    return rising;
  }

  /** The message is no longer here. */
  #drop(uid: string, acknowledgement: Acknowledgement | undefined): void {
    const held = this.#held.get(uid);
    if (!held) return;
    if (acknowledgement) {
      this.#group.link.publish(held.reply, acknowledgement.kind, acknowledgement.confirmTo);
    }
    this.#held.delete(uid);
    if (this.#held.size > 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #own({ spec: { uid } }: ReceivedJob, held: Held, { attempt }: Offer): Lease | undefined {
    const { subjects, node } = this.#group;
    const job = this.#parts.front.beginHere(uid, {
      attempt,
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

  #question({ spec: { uid } }: ReceivedJob, { attempt }: Offer): JobQuestion {
    return { uid, node: this.#group.node, attempt };
  }

  async #foreign(job: ReceivedJob, held: Held, offer: Offer): Promise<Lease | undefined> {
    const { attempt } = offer;
    const offeredMs = this.#group.clock.now();
    const { front, spec: { uid, command } } = job;
    const fronts = this.#fronts;
    if (!Object.hasOwn(this.#parts.host.digests, command)) {
      // Another machine has it; but nobody needs the job of a dead one.
      this.#drop(uid, refused(fronts.isDead(front) ? "gone" : "held"));
      return undefined;
    }
    const mayBegin = attempt === 1 && !job.claimFirst && job.inline !== undefined &&
      !fronts.isSuspect(front) && !this.#isLate() && !this.#isBack();
    const question = this.#question(job, offer);
    const answer = mayBegin ? "run" : await fronts.claim(front, question);
    if (answer !== "run") {
      this.#drop(uid, refused(answer));
      return undefined;
    }
    const remote = this.#remote(job, held, attempt);
    if (mayBegin) void this.#tellStarted(remote);
    if (!await remote.load()) return remote.back(awayMs);
    // Meanwhile the front may have given it to another machine.
    if (this.#isTooLong(this.#group.clock.now() - offeredMs)) {
      const answer = await fronts.claim(front, question);
      if (answer !== "run") remote.revoke(refused(answer));
    }
    return remote.stop.cause ? remote.back(0) : remote;
  }

  /** Tells the front of a job that it has begun, until that answers: it cannot end a run that it does not know of. */
  async #tellStarted(remote: RemoteJob): Promise<void> {
    while (remote.isRunning) {
      const answer = await this.#fronts.started(remote.front, remote.question);
      if (answer === "run") return;
      if (answer) return remote.revoke(refused(answer));
      await pause(this.#group.clock, awayMs);
    }
  }

  #remote(job: ReceivedJob, held: Held, attempt: number): RemoteJob {
    const { pool, host, othersTake } = this.#parts;
    const { front, spec: { uid, command } } = job;
    const remote = new RemoteJob(this.#group, { ...job, attempt, reply: held.reply }, {
      pool,
      command: host.use(command),
      share: host.openShare(),
      othersTake: () => othersTake(command),
      givenBack: () => this.#fronts.giveBack(front, remote.question),
      settled: () => this.#ran(held),
      over: (acknowledgement) => this.#drop(uid, acknowledgement),
    });
    held.remote = remote;
    return remote;
  }
}

/** How a message is acknowledged whose job may not be run now. */
const away: Acknowledgement = { kind: giveBack(awayMs) };

/** How a message is acknowledged whose job may not be run. */
function refused(answer: Exclude<ClaimAnswer, "run">): Acknowledgement {
  return answer === "gone" ? { kind: acknowledgements.drop } : away;
}
