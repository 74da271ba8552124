/**
 * Who may run a job: the machine that has the client decides, by the rules in this file. It does no I/O; times are those of one
 * monotonic clock, in milliseconds.
 *
 * The rules: one machine may run a job at a time. It loses the job when it is dead, says that it does not hold it, or is offered
 * it anew. Then another one may run it, as often as `attempts` allows, or nobody with `fail`.
 *
 * @module
 */

/** What happens to a job whose machine was lost, and how many machines may lose it. */
export interface GrantRules {
  /** `rerun`: another machine runs it; `fail`: nobody does, so it runs at most once. */
  readonly onLost: "rerun" | "fail";
  /** How many times it may be begun at most. */
  readonly attempts: number;
}

/** A machine that asks whether it may run a job. */
export interface Claimant {
  /** Its id. */
  readonly node: string;
  /** How often the message of the job was offered, this time included. */
  readonly attempt: number;
}

/** What is known of other machines at this moment; see `Nodes`. */
export interface Witness {
  /** Whether a machine lives. One that asks does, and `Nodes.seen` is to be called before its question is judged. */
  isAlive(node: string): boolean;
  /** Whether a machine says, since this time, that it does not hold the job. */
  denies(node: string, sinceMs: number): boolean;
}

/** `run`: it may; `held`: another one has it, ask again later; `lost`: nobody may any more. */
export type Verdict = "run" | "held" | "lost";

/** The right to run one job, as the module's docstring describes it. */
export interface Grants {
  /** The machine that may run it now; undefined while nobody may. */
  readonly holder: string | undefined;
  /** Number of times that a machine was allowed to run it and did not give it back. */
  readonly begun: number;
  /** Whether it may be run by this machine for this offer. */
  isHeldBy(by: Claimant): boolean;
  /** Whether its holder lives, and has not said since it was allowed to run the job that it does not hold it. */
  isHeld(witness: Witness): boolean;
  /**
   * A machine asks whether it may run the job. The same question, asked twice because the answer was lost, has the same answer.
   * If the holder asks with another number of attempts, or after it has denied the job, it was offered the job anew: it has lost
   * what it had, which counts. After `lost` the answer is always `lost`.
   */
  claim(by: Claimant, nowMs: number, witness: Witness): Verdict;
  /**
   * A machine gives back what it was offered before its run has had an effect; that does not count. No effect if it is not the
   * holder, or was allowed to run the job for another offer, which it may have begun.
   */
  giveBack(by: Claimant): void;
  /**
   * Whether the job can run no more: its holder is dead, and nobody else may run it. Once that is so, it stays so, and every
   * claim is `lost`.
   */
  isLost(witness: Witness): boolean;
  /** Whether another machine may run it if its holder loses it. */
  mayRunAgain(): boolean;
}

/** The rights of a job that nobody has begun. */
export function createGrants({ onLost, attempts }: GrantRules): Grants {
  const most = onLost === "fail" ? 1 : attempts;
  let grant: (Claimant & { readonly sinceMs: number }) | undefined;
  let begun = 0;
  let lost = false;

  function lose(): void {
    lost = true;
    grant = undefined;
  }

  function isLost(witness: Witness): boolean {
    if (grant && begun >= most && !witness.isAlive(grant.node)) lose();
    return lost;
  }

  return {
    get holder() {
      return grant?.node;
    },
    get begun() {
      return begun;
    },
    isHeldBy: ({ node, attempt }) => grant?.node === node && grant.attempt === attempt,
    isHeld: (witness) =>
      grant !== undefined && witness.isAlive(grant.node) &&
      !witness.denies(grant.node, grant.sinceMs),
    claim({ node, attempt }, nowMs, witness) {
      if (isLost(witness)) return "lost";
      if (grant && !witness.denies(grant.node, grant.sinceMs)) {
        if (grant.node !== node) {
          if (witness.isAlive(grant.node)) return "held";
        } else if (grant.attempt === attempt) return "run";
      }
      if (begun >= most) {
        lose();
        return "lost";
      }
      begun++;
      grant = { node, attempt, sinceMs: nowMs };
      return "run";
    },
    giveBack({ node, attempt }) {
      if (grant?.node !== node || grant.attempt !== attempt) return;
      grant = undefined;
      begun--;
    },
    isLost,
    mayRunAgain: () => begun < most,
  };
}
