/**
 * What this machine, as an executor, asks the machines that have the clients.
 *
 * @module
 */

import { decodeAnswer, encodeQuestion } from "./codec.ts";
import type { Group } from "./group.ts";
import { LinkError } from "./link.ts";
import type { ClaimAnswer, JobQuestion } from "./messages.ts";

/** How long a front is given to answer, in milliseconds; less if it seems to be dead. */
const questionMs = 1000;
const lastQuestionMs = 500;

/** See the module's head. */
export class Fronts {
  readonly #group: Group;
  /** Fronts that did not answer, with the time of that. */
  readonly #suspects = new Map<string, number>();

  /** Nobody is suspect yet. */
  constructor(group: Group) {
    this.#group = group;
  }

  /** Whether a front is dead by what is known. */
  isDead(front: string): boolean {
    const { nodes, clock } = this.#group;
    return !nodes.isAlive(front, clock.now());
  }

  /** Whether a front may be dead: nobody listened for it, and it has not been heard since. */
  isSuspect(front: string): boolean {
    const since = this.#suspects.get(front);
    const isHeard = since === undefined || this.#group.nodes.heardSince(front, since);
    const isDead = this.isDead(front);
    if (isHeard || isDead) this.#suspects.delete(front);
    return isDead || !isHeard;
  }

  /** Tells a front that its job has begun. Resolves with undefined if it does not answer. */
  started(front: string, question: JobQuestion): Promise<ClaimAnswer | undefined> {
    return this.#ask("started", front, question, questionMs);
  }

  /** Asks a front whether its job may be run. One that is dead has no jobs. */
  async claim(front: string, question: JobQuestion): Promise<ClaimAnswer> {
    const { clock, report } = this.#group;
    const begun = clock.now();
    const timeoutMs = this.isDead(front) ? lastQuestionMs : questionMs;
    const answer = await this.#ask("claim", front, question, timeoutMs);
    report.hop("claim", (clock.now() - begun) / 1000);
    if (answer) return answer;
    // Its answer may be lost.
    this.giveBack(front, question);
    return this.isDead(front) ? "gone" : "held";
  }

  /** Tells a front that its job does not run here. */
  giveBack(front: string, question: JobQuestion): void {
    const { link, subjects } = this.#group;
    link.publish(subjects.front(front, "back"), encodeQuestion(question));
  }

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
        for (const each of this.#suspects.keys()) {
          if (this.isDead(each)) this.#suspects.delete(each);
        }
        this.#suspects.set(front, clock.now());
      }
      return undefined;
    }
  }
}
