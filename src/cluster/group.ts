/**
 * What the parts of this room share: the connection, what is known of the other machines, the rules, the time.
 *
 * @module
 */

import type { GrantRules } from "./grants.ts";
import type { Link } from "./link.ts";
import type { Subjects } from "./names.ts";
import type { Nodes } from "./nodes.ts";
import type { ClusterReport } from "./report.ts";

/** A monotonic clock. */
export interface Clock {
  /** The time in milliseconds. */
  now(): number;
  /** Calls `act` after so many milliseconds, unless the returned function, which is idempotent, was called before. */
  after(ms: number, act: () => void): () => void;
}

/** The clock of the runtime. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after(ms, act) {
    const timer = setTimeout(act, ms);
    return () => clearTimeout(timer);
  },
};

/** See the module's head. */
export interface Group {
  /** Id of this machine, new at each start. */
  readonly node: string;
  /** Name of this machine, for people. */
  readonly name: string;
  /** The connection. */
  readonly link: Link;
  /** What is known of the other machines. */
  readonly nodes: Nodes;
  /** The subjects of the group. */
  readonly subjects: Subjects;
  /** The rules by which a front decides. */
  readonly rules: GrantRules;
  /** Silence after which a machine counts as dead, in milliseconds. */
  readonly nodeTimeoutMs: number;
  /** Time within which a machine must give a sign of life for a job, in milliseconds; longer than `nodeTimeoutMs`. */
  readonly ackWaitMs: number;
  /** The time. */
  readonly clock: Clock;
  /** Where events are counted and logged. */
  readonly report: ClusterReport;
}

/** Resolves after so many milliseconds. */
export function pause({ clock }: Pick<Group, "clock">, ms: number): Promise<void> {
  return new Promise((resolve) => clock.after(ms, resolve));
}
