/**
 * What the parts of this room share: the connection, what is known of the other machines, the rules, the time.
 *
 * @module
 */

import type { Clock } from "./clock.ts";
import type { GrantRules } from "./grants.ts";
import type { Link } from "./link.ts";
import type { Subjects } from "./names.ts";
import type { Nodes } from "./nodes.ts";
import type { ClusterReport } from "./report.ts";

/** See the module's head. */
export interface Group {
  /** Id of this machine, new at each start. */
  readonly node: string;
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
  /** Time within which a machine must give a sign of life for a job, in milliseconds. */
  readonly ackWaitMs: number;
  /** The time. */
  readonly clock: Clock;
  /** Where events are counted and logged. */
  readonly report: ClusterReport;
}
