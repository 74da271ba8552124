/**
 * Clients and workers of the machines of a group, whose jobs take the time of the test.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type JobHandle, type JobOutcome, type JobSpec, noInput } from "../../src/jobs/job.ts";
import type { Lease, Place } from "../../src/jobs/line.ts";
import type { Clock } from "../../src/cluster/clock.ts";
import type { Machine } from "./cluster.ts";
import { ranOf, specOf } from "./jobs.ts";

/** A job that a client has posted. */
export interface Posted {
  readonly id: string;
  readonly front: Machine;
  /** Its answer; undefined before that. */
  answer: JobOutcome | undefined;
  /** Number of its answers. */
  answers: number;
  /** Resolves with its answer. */
  readonly over: Promise<JobOutcome>;
  /** Its client disconnects. */
  leave(): void;
  readonly place: Place;
}

/** A run that has begun. */
export interface Begun {
  readonly id: string;
  readonly machine: Machine;
  readonly lease: Lease;
  readonly atMs: number;
  /** When it ended; undefined before that. */
  endMs: number | undefined;
}

/** Everything that has happened to jobs. */
export interface GroupWork {
  /** The runs, in the order in which they began. */
  readonly begun: Begun[];
  /** Posts a job to a machine, which must give it a place. */
  post(front: Machine, id: string, more?: PostSettings): Promise<Posted>;
  /** The same; undefined if the machine gives it no place. */
  tryToPost(front: Machine, id: string, more?: PostSettings): Promise<Posted | undefined>;
  /** Lets so many workers of a machine take jobs until there are no more; resolves then. */
  work(machine: Machine, workers: number): Promise<unknown>;
  /** Ids of the jobs that began, in their order. */
  ids(): string[];
  /** The runs of a job. */
  runsOf(id: string): Begun[];
}

/** How a job is posted. */
export interface PostSettings extends Partial<JobSpec> {
  /** How long its run takes, in milliseconds. */
  readonly ms?: number;
  /** What its run does when it begins. */
  readonly does?: (lease: Lease) => void;
  /** Makes its outcome of the usual one, which has the payload as output. */
  readonly outcome?: (usual: JobOutcome) => JobOutcome;
  /** Callbacks of its client. */
  readonly handle?: JobHandle;
  /** Name of its token. */
  readonly client?: string;
}

/** Makes clients and workers for these machines. A run takes `usualMs` milliseconds if its job does not say otherwise. */
export function groupWork({ clock }: { readonly clock: Clock }, usualMs = 100): GroupWork {
  const begun: Begun[] = [];
  const settings = new Map<string, PostSettings>();

  /** As a run does it: it takes the payload, and ends early if it is told to. */
  async function run(machine: Machine, lease: Lease): Promise<JobOutcome> {
    const { spec, stop, handle } = lease;
    const entry: Begun = { id: spec.id, machine, lease, atMs: clock.now(), endMs: undefined };
    begun.push(entry);
    const { ms = usualMs, does, outcome: change } = settings.get(spec.id) ?? {};
    const outcome = change?.(ranOf(spec)) ?? ranOf(spec);
    does?.(lease);
    machine.host.took(spec.input);
    spec.input = noInput;
    handle?.onInputStored();
    await new Promise<void>((resolve) => {
      clock.after(ms, resolve);
      stop.onRequest(() => clock.after(10, resolve));
    });
    await machine.goesOn();
    const { cause } = stop;
    stop.close();
    entry.endMs = clock.now();
    if (!cause || outcome.kind !== "ran") return outcome;
    return { kind: "ran", result: { ...outcome.result, ending: { kind: cause, exitStatus: 1 } } };
  }

  async function workOn(machine: Machine): Promise<void> {
    for (let lease = await machine.line.take(); lease;) {
      const outcome = await run(machine, lease);
      const next = machine.line.take();
      lease.settle(outcome);
      lease = await next;
    }
  }

  async function tryToPost(
    front: Machine,
    id: string,
    more: PostSettings = {},
  ): Promise<Posted | undefined> {
    assert.equal(settings.has(id), false, `${id} is the id of another job`);
    const { ms: _, does: __, outcome: ___, handle, client, ...spec } = more;
    const place = await front.line.reserve({ command: "default", client });
    if (!place.reserved) return undefined;
    settings.set(id, more);
    const posted: Posted = {
      over: place.fill(specOf(id, spec), handle),
      id,
      front,
      place,
      answer: undefined,
      answers: 0,
      leave: () => place.leave(),
    };
    void posted.over.then((outcome) => {
      posted.answer = outcome;
      posted.answers++;
    });
    return posted;
  }

  return {
    begun,
    async post(front, id, more) {
      const posted = await tryToPost(front, id, more);
      assert.ok(posted);
      return posted;
    },
    tryToPost,
    work: (machine, workers) => Promise.all(Array.from({ length: workers }, () => workOn(machine))),
    ids: () => begun.map(({ id }) => id),
    runsOf: (id) => begun.filter((each) => each.id === id),
  };
}
