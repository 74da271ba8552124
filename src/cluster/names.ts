/**
 * The names of everything that machines share in NATS. They carry the version of the protocol, so that another version is
 * another queue.
 *
 * @module
 */

import type { StreamNames } from "./link.ts";

/** Version of the protocol. Machines with another one do not see each other. */
export const protocol = 1;

/** Name of the one consumer of each stream. */
export const consumerName = "w";

/** The names of the stream of a pool. A group has no `_` in its name, so no two pairs of group and pool share a name. */
export function streamOf(group: string, pool: string): StreamNames {
  return { stream: `JR${protocol}_${group}_${pool}`, subject: `${subjectOf(group)}.job.${pool}` };
}

/** What a front can be asked: last part of a subject. */
export type FrontVerb = "started" | "claim" | "back" | "payload" | "result" | "output";

/** What an executor can be asked. */
export type ExecutorVerb = "cancel" | "capture";

/** The subjects of a group. A node is a UUID. */
export function subjectsOf(group: string): Subjects {
  const group_ = subjectOf(group);
  return {
    heartbeat: `${group_}.hb`,
    front: (node, verb) => `${group_}.front.${node}.${verb}`,
    acked: (node, uid) => `${group_}.acked.${node}.${uid}`,
    executor: (node, verb) => `${group_}.exec.${node}.${verb}`,
    pull: (node, pull) => `${group_}.pull.${node}.${pull}`,
  };
}

/** See `subjectsOf`. */
export interface Subjects {
  /** Where every node says that it lives. */
  readonly heartbeat: string;
  /** Where a node is asked as the front of a job; `*` for all verbs. */
  front(node: string, verb: FrontVerb | "*"): string;
  /** Where the server confirms to a front that a job has left the stream; `*` for all jobs. */
  acked(node: string, uid: string): string;
  /** Where a node is asked as the executor of a job; `*` for all verbs. */
  executor(node: string, verb: ExecutorVerb | "*"): string;
  /** Where the message for a pull is sent. */
  pull(node: string, pull: string): string;
}

function subjectOf(group: string): string {
  return `jr${protocol}.${group}`;
}
