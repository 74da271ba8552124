/**
 * A look at a group without joining it: nothing is published, and no stream is made.
 *
 * @module
 */

import { sumOf } from "./cluster_state.ts";
import { type Clock, pause, systemClock } from "./clock.ts";
import { decodeBeat } from "./codec.ts";
import { type Link, LinkError, type StreamSettings } from "./link.ts";
import { streamOf, subjectsOf } from "./names.ts";
import { type Beat, differing } from "./nodes.ts";

/** Longer than the time between two beats, in milliseconds. */
const listenMs = 2000;

/** What is looked at. */
export interface VisitSettings {
  /** Name of the group. */
  readonly group: string;
  /** The pools here by name: of each the digests of the texts of its commands. */
  readonly pools: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** How its streams are to be stored here. */
  readonly streams: Pick<StreamSettings, "storage" | "replicas">;
  /** The time; that of the runtime if it is absent. */
  readonly clock?: Clock;
}

/** A machine that was heard. */
export interface SeenNode extends Pick<Beat, "name" | "version" | "state"> {
  /** Number of its workers, over all pools. */
  readonly workers: number;
  /** Number of jobs that may wait because of it. */
  readonly places: number;
  /** The commands here that have another text there. */
  readonly differs: readonly string[];
}

/** What a visitor sees. */
export interface Sight {
  /** The machines, in the order of their names. */
  readonly nodes: readonly SeenNode[];
  /** The queues that exist, by the names of their pools, with unfinished jobs and how many there may be. */
  readonly queues: readonly {
    readonly pool: string;
    readonly jobs: number;
    readonly limit: number;
  }[];
  /** Why queues cannot be used, as sentences. */
  readonly faults: readonly string[];
}

/** Looks at a group over a connection that is there. Takes two seconds, or as long as the server takes to answer. Does not reject. */
export async function visit(
  link: Link,
  { group, pools, streams, clock = systemClock }: VisitSettings,
): Promise<Sight> {
  const beats = new Map<string, Beat>();
  const hearing = link.subscribe(subjectsOf(group).heartbeat, ({ data }) => {
    const beat = decodeBeat(data);
    if (beat?.state === "gone") beats.delete(beat.node);
    else if (beat) beats.set(beat.node, beat);
  });
  const asked = Object.keys(pools).map((pool) => {
    const { stream } = streamOf(group, pool);
    return sizeOf(pool, link.examine({ stream, ...streams }));
  });
  await pause(clock, listenMs);
  const answers = await Promise.all(asked);
  void hearing.close();
  return {
    nodes: [...beats.values()].sort((one, other) => one.name < other.name ? -1 : 1)
      .map((beat) => seen(beat, pools)),
    queues: answers.filter((answer) => typeof answer === "object"),
    faults: [...new Set(answers.filter((answer) => typeof answer === "string"))],
  };
}

/** The size of a queue; undefined if it does not exist, a sentence if it cannot be used, or the server does not say. */
async function sizeOf(
  pool: string,
  answer: ReturnType<Link["examine"]>,
): Promise<Sight["queues"][number] | string | undefined> {
  try {
    const { messages, maxMessages } = await answer;
    return { pool, jobs: messages, limit: maxMessages };
  } catch (error) {
    if (error instanceof LinkError && error.trouble === "not_found") return undefined;
    return (error as Error).message;
  }
}

function seen(beat: Beat, pools: VisitSettings["pools"]): SeenNode {
  const { name, version, state } = beat;
  const { workers, places } = sumOf(Object.values(beat.pools));
  return {
    name,
    version,
    state,
    workers,
    places,
    differs: Object.entries(pools)
      .flatMap(([pool, commands]) => differing(pool, { commands }, [beat])).sort(),
  };
}
