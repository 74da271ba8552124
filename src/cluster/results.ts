/**
 * What comes of the jobs of this machine's clients: live output, results, and the confirmation that a job has left the queue.
 *
 * @module
 */

import type { JobOutcome } from "../jobs/job.ts";
import { cancelRun } from "./cancel.ts";
import type { FrontJob } from "./front_job.ts";
import type { Group } from "./group.ts";
import type { PoolHost } from "./host.ts";
import type { ReceivedOutcome, ReceivedOutput } from "./messages.ts";
import { closeFiles, takeResult } from "./take_result.ts";

/** How long a client waits for its outcome because its message has not left the queue, in milliseconds. */
const ackedMs = 1000;

/** What results need. */
export interface ResultsParts {
  /** What is shared with the rest of the room. */
  readonly group: Group;
  /** The pool. */
  readonly host: PoolHost;
  /** Called when the client of a job is to get its outcome. */
  readonly onOutcome: (job: FrontJob, outcome: JobOutcome) => void;
}

/** See the module's head. */
export class Results {
  readonly #parts: ResultsParts;

  /** Results of the jobs of one front. */
  constructor(parts: ResultsParts) {
    this.#parts = parts;
  }

  /** A piece of live output of a job, or the start of its command; only the machine that may run it is believed. */
  output(job: FrontJob, event: ReceivedOutput): void {
    if (job.state !== "running" || job.grants.holder !== event.node) return;
    if (event.kind === "started") {
      const node = this.#parts.group.nodes.nameOf(event.node);
      job.handle?.onStarted?.({ ...event.worker, node });
      return;
    }
    missed(job, event.kind, event.at);
    job.received[event.kind] += event.bytes.length;
    job.handle?.onOutput?.(event.kind, event.bytes);
  }

  /** As `Front.received`. */
  async received(job: FrontJob, message: ReceivedOutcome): Promise<boolean> {
    const take = () => this.#take(job, message);
    // One after the other: the same result comes again if the connection is lost while its bytes are fetched.
    const taken = job.taking ? job.taking.then(take, take) : take();
    job.taking = taken;
    try {
      return await taken;
    } finally {
      if (job.taking === taken) job.taking = undefined;
    }
  }

  /** The first result counts, also that of a machine that was thought to be dead, but none can replace a run that is here. */
  async #take(job: FrontJob, message: ReceivedOutcome): Promise<boolean> {
    const { group, host } = this.#parts;
    const isWanted = () => job.isOpen && !job.localRun;
    if (!isWanted()) return job.takenFrom === message.node;
    const outcome = await takeResult(group, host, job, message);
    if (!isWanted()) {
      closeFiles(outcome);
      return false;
    }
    if (message.outcome.kind === "ran" && message.outcome.live) {
      const { stdout, stderr } = message.outcome.live;
      missed(job, "stdout", stdout);
      missed(job, "stderr", stderr);
    }
    if (job.grants.holder !== message.node) cancelRun(group, job, "canceled");
    job.takenFrom = message.node;
    this.#answer(job, outcome);
    return true;
  }

  /** A worker of this machine is done with a job. */
  settledHere(job: FrontJob, outcome: JobOutcome): void {
    const { nodes, node } = this.#parts.group;
    this.#answer(
      job,
      outcome.kind === "ran"
        ? { kind: "ran", result: { ...outcome.result, node: nodes.nameOf(node) } }
        : outcome,
    );
    job.localRun?.settled();
  }

  /** The outcome is there: the client gets it when the message of the job has left the stream, at the latest after a second. */
  #answer(job: FrontJob, outcome: JobOutcome): void {
    const { group: { link, clock }, onOutcome } = this.#parts;
    job.state = "answering";
    job.stopTimer();
    const stopTimer = clock.after(ackedMs, () => job.onAcked());
    job.onAcked = () => {
      stopTimer();
      if (job.state === "answering") onOutcome(job, outcome);
    };
    if (job.acked || !link.connected) job.onAcked();
  }

  /** The server confirms that the message of a job has left the stream. */
  acked(job: FrontJob): void {
    job.acked = true;
    job.onAcked();
  }
}

/** The stream has had so many bytes so far: those that have not come are lost. */
function missed(job: FrontJob, stream: "stdout" | "stderr", length: number): void {
  const missing = length - job.received[stream];
  if (missing <= 0) return;
  job.received[stream] = length;
  job.handle?.onLost?.(stream, missing);
}
