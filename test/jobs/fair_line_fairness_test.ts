import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import fc from "fast-check";
import { createFairLine, mostWaiting } from "../../src/jobs/fair_line.ts";
import type { JobOutcome } from "../../src/jobs/job.ts";
import type { LaneLimits, LineSize, Place, ResizableLine } from "../../src/jobs/line.ts";
import { createMemoryLine } from "../../src/jobs/memory_line.ts";
import { type RunningJob, startPool } from "../../src/jobs/pool.ts";
import { ranOf, specOf } from "../support/jobs.ts";

/** Resolves when everything that waits for no further event has been done; sooner than a timer. */
function settled(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** Workers that run each job as `run` does. */
function startWorkers(line: ResizableLine, size: number, run: (job: RunningJob) => Promise<void>) {
  return startPool({
    line,
    size,
    run: async (job) => {
      await run(job);
      return ranOf(job.spec);
    },
    onBug(bug) {
      throw bug;
    },
  });
}

/** What a test knows about a job. */
interface Known {
  readonly client: string;
  readonly place: Place;
  /** The number of its filling among all jobs; undefined while its place is only reserved. */
  filled?: number;
  /** Ends its run; undefined before. */
  end?: () => void;
  left?: true;
  outcome?: JobOutcome;
}

const clients = ["a", "b", "c"];

const limits: fc.Arbitrary<LaneLimits> = fc.record({
  maxRunning: fc.constantFrom(1, 2, Infinity),
  maxWaiting: fc.constantFrom(0, 2, Infinity, Infinity),
});

/** Sizes in which each of the clients may have a lane. */
const sizes: fc.Arbitrary<LineSize> = fc.record({
  workers: fc.integer({ min: 1, max: 3 }),
  places: fc.nat({ max: 2 }),
  queueTimeoutMs: fc.constant(Infinity),
  lanes: fc.uniqueArray(fc.tuple(fc.constantFrom(...clients), limits), {
    selector: ([client]) => client,
    minLength: 1,
  }).map((lanes) => new Map(lanes)),
});

const client = fc.constantFrom(...clients);
const which = fc.nat();

/** What can happen to a queue that keeps its size. */
const steps = [
  { weight: 8, arbitrary: fc.record({ do: fc.constant("submit" as const), client }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("reserve" as const), client, arriving: fc.boolean() }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("fill" as const), which }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("leave" as const), which }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("end" as const), which }) },
  { weight: 2, arbitrary: fc.constant({ do: "turn" } as const) },
] as const;

/** What else can happen. */
const changes = [
  { weight: 4, arbitrary: fc.record({ do: fc.constant("resize" as const), size: sizes }) },
  { weight: 1, arbitrary: fc.constantFrom({ do: "close" } as const, { do: "cut" } as const) },
] as const;

type Step = (typeof steps | typeof changes)[number]["arbitrary"] extends infer A
  ? A extends fc.Arbitrary<infer S> ? S : never
  : never;

/** A fair queue with workers whose runs the test ends, and with the rules that each call must keep. */
function observe(first: LineSize) {
  const line = createFairLine(first);
  const jobs: Known[] = [];
  const lastBegun = new Map<string, number>();
  let size = first;
  let fillings = 0;
  /** Whether the size was always the same. */
  let sameSize = true;
  const pool = startWorkers(line, size.workers, ({ spec }) => {
    const job = jobs[Number(spec.id)];
    assert.ok(job?.filled !== undefined && !job.end, "taken twice, or never filled");
    const ended = Promise.withResolvers<void>();
    job.end = ended.resolve;
    if (sameSize) {
      assert.ok((lastBegun.get(job.client) ?? -1) < job.filled, "first in, first out");
      lastBegun.set(job.client, job.filled);
      assert.ok(runningOf(job.client).length <= maxRunningOf(job.client), "maxRunning");
    }
    return ended.promise;
  });
  const maxRunningOf = (client: string) => size.lanes?.get(client)?.maxRunning ?? Infinity;
  const unfinished = () => jobs.filter(({ left, outcome }) => !left && !outcome);
  const pending = () => unfinished().filter(({ end }) => !end);
  const runningOf = (client: string) =>
    unfinished().filter((job) => job.end && job.client === client);
  /** Lanes by the names of their clients; those without one share a lane. */
  const laneOf = (client: string) => size.lanes?.has(client) ? client : "";
  const pick = (from: Known[], which: number) => from[which % Math.max(1, from.length)];

  function reserve(client: string, arriving: boolean): Known | undefined {
    const place = line.reserve({ command: "default", client, arriving });
    const limits = size.lanes?.get(client);
    if (place.reserved) {
      const job = { client, place };
      jobs.push(job);
      return job;
    }
    const own = pending().filter((job) => job.client === client).length;
    switch (place.cause) {
      case "client_limit":
        assert.ok(!sameSize || own >= (limits?.maxWaiting ?? Infinity));
        break;
      case "queue_full":
      case "uploads_full":
        assert.ok(!limits || own > 0, "the own place is free");
        assert.ok(arriving || place.cause === "queue_full");
        break;
      case "draining":
        assert.equal(line.state, "closed");
    }
    return undefined;
  }

  function fill(job: Known): void {
    job.filled = fillings++;
    job.place.fill(specOf(String(jobs.indexOf(job)))).then((outcome) => job.outcome = outcome);
  }

  /** Checks what must hold when nothing is about to happen. */
  function check(): void {
    assert.ok(line.waiting >= 0 && line.waiting <= pending().length);
    if (line.state === "closed") return;
    const { workers, places } = size;
    const lanes = [...size.lanes?.keys() ?? []];
    const reserved = pending().filter(({ filled }) => filled === undefined).length;
    const able = pending().filter(({ client, filled }) =>
      filled !== undefined && (sameSize || lanes.includes(client)) &&
      runningOf(client).length < maxRunningOf(client)
    );
    assert.ok(
      able.length === 0 || pool.busy >= workers - reserved,
      "a worker is idle without need, and a job could run",
    );
    if (!sameSize) return;
    assert.ok(unfinished().length <= workers + places + lanes.length, "unfinished jobs");
    assert.ok(line.waiting <= mostWaiting(size), "waiting jobs");
    if (reserved > 0) return;
    const shared = pending().length - new Set(pending().map(({ client }) => laneOf(client))).size;
    const others = pending().some(({ client }) => laneOf(client) === "") ? 1 : 0;
    assert.ok(shared + others <= places, "more jobs wait in shared places than there are");
  }

  async function take(step: Step): Promise<void> {
    switch (step.do) {
      case "submit": {
        const job = reserve(step.client, false);
        if (job) fill(job);
        break;
      }
      case "reserve":
        reserve(step.client, step.arriving);
        break;
      case "fill": {
        const job = pick(pending().filter(({ filled }) => filled === undefined), step.which);
        if (job) fill(job);
        break;
      }
      case "leave": {
        await settled();
        const job = pick(pending(), step.which);
        job?.place.leave();
        if (job) job.left = true;
        break;
      }
      case "end":
        pick(unfinished().filter(({ end }) => end), step.which)?.end?.();
        break;
      case "turn":
        await settled();
        check();
        break;
      case "resize":
        sameSize = false;
        size = step.size;
        line.resize(size);
        pool.resize(size.workers);
        break;
      case "close":
        line.close();
        break;
      case "cut": {
        await settled();
        const waiting = pending().filter(({ filled }) => filled !== undefined).length;
        assert.deepEqual(line.cut(), { running: pool.busy, waiting });
        for (const job of pending()) job.left = true;
      }
    }
  }

  /** Lets every job end, and checks that each one has its outcome. */
  async function finish(): Promise<void> {
    for (const { filled, place } of jobs) if (filled === undefined) place.leave();
    line.close();
    let over = false;
    pool.finished.then(() => over = true);
    for (await settled(); !over; await settled()) {
      for (const { end } of jobs) end?.();
    }
    assert.equal(line.waiting, 0);
    for (const { filled, outcome, end } of jobs) {
      if (filled !== undefined) assert.equal(outcome?.kind, end ? "ran" : "left");
    }
  }

  return { take, check, finish };
}

for (
  const [promise, races, kinds] of [
    ["keeps bound, own places, order and limits in any sequence of calls", false, steps],
    ["loses no job and runs none twice, however it is resized, closed or cut", true, [
      ...steps,
      ...changes,
    ]],
  ] as const
) {
  Deno.test(`a fair queue ${promise}`, async () => {
    const scripts: fc.Arbitrary<Step[]> = fc.array(fc.oneof(...kinds), {
      maxLength: 80,
      size: "max",
    });
    await fc.assert(
      fc.asyncProperty(sizes, scripts, async (size, script) => {
        const { take, check, finish } = observe(size);
        for (const step of script) {
          await take(step);
          if (races) continue;
          await settled();
          check();
        }
        await settled();
        check();
        await finish();
      }),
      { numRuns: 1000 },
    );
  });
}

/** A clock that goes on to the next event when everything has been done that waits for none. */
function createVirtualTime() {
  let events: { readonly at: number; readonly happen: () => void }[] = [];
  let now = 0;
  return {
    now: () => now,
    after: (ms: number) =>
      new Promise<void>((happen) => void events.push({ at: now + ms, happen })),
    /** Lets this many milliseconds go by. */
    async pass(ms: number): Promise<void> {
      const end = now + ms;
      for (;;) {
        await settled();
        const next = events.reduce((least, { at }) => Math.min(least, at), Infinity);
        if (next > end) return;
        now = next;
        const due = events.filter(({ at }) => at === now);
        events = events.filter(({ at }) => at !== now);
        for (const { happen } of due) happen();
      }
    },
  };
}

Deno.test("a fair queue serves the first job of each client within its longest run × the number of clients", async () => {
  const longestMs = 100;
  const load = fc.record({
    workers: fc.integer({ min: 1, max: 3 }),
    clients: fc.array(
      fc.record({
        jobs: fc.array(fc.integer({ min: 1, max: longestMs }), { minLength: 1, maxLength: 12 }),
        startMs: fc.nat({ max: 300 }),
        maxRunning: fc.constantFrom(1, 2, Infinity),
      }),
      { minLength: 1, maxLength: 5 },
    ),
  });
  await fc.assert(
    fc.asyncProperty(load, async ({ workers, clients }) => {
      const time = createVirtualTime();
      const lanes = new Map(
        clients.map(({ maxRunning }, index) => [String(index), { maxRunning }] as const),
      );
      const line = createFairLine(
        { workers, places: 100, queueTimeoutMs: Infinity, lanes },
        time.now,
      );
      /** For each client, since when its next job has been the first of those that wait. */
      const firstSince: number[] = [];
      let ran = 0;
      startWorkers(line, workers, async ({ spec: { id } }) => {
        const [client, job] = id.split(" ").map(Number) as [number, number];
        const waitedMs = time.now() - (firstSince[client] ?? 0);
        assert.ok(waitedMs <= longestMs * clients.length, `${id} waited ${waitedMs} ms`);
        firstSince[client] = time.now();
        await time.after(clients[client]?.jobs[job] ?? 0);
        ran++;
      });
      for (const [client, { jobs, startMs }] of clients.entries()) {
        time.after(startMs).then(() => {
          firstSince[client] = time.now();
          for (const job of jobs.keys()) {
            const place = line.reserve({ command: "default", client: String(client) });
            assert.ok(place.reserved);
            place.fill(specOf(`${client} ${job}`));
          }
        });
      }
      await time.pass(1e6);
      assert.equal(ran, clients.reduce((sum, { jobs }) => sum + jobs.length, 0));
      line.close();
    }),
    { numRuns: 100 },
  );
});

/** Numbers from 0 to 1, always the same ones (a linear congruential generator, modulo 2³²). */
function createRandom(): () => number {
  let state = 1;
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
}

/** What became of a client's requests. */
interface Tally {
  done: number;
  refused: number;
  readonly waitsSec: number[];
}

/**
 * 3 workers and 30 places for 3000 seconds: one client has 60 requests open at any time, and three small ones send one job after
 * the other, 2 seconds after its answer. Their runs take a second; who is refused asks again after a second: both take up to half
 * as long again, or half as long. Returns what became of the small ones.
 */
async function simulate(
  open: (size: LineSize, now: () => number) => ResizableLine,
  { bullyRunMs }: { readonly bullyRunMs: number },
): Promise<Tally[]> {
  const time = createVirtualTime();
  const random = createRandom();
  const about = (ms: number) => time.after(ms * (0.5 + random()));
  const small = ["a", "b", "c"];
  const waitsSec = new Map(small.map((client) => [client, [] as number[]]));
  const lanes = new Map(["bully", ...small].map((client) => [client, {}] as const));
  const line = open({ workers: 3, places: 30, queueTimeoutMs: Infinity, lanes }, time.now);
  startWorkers(line, 3, ({ spec, queuedSec }) => {
    waitsSec.get(spec.id)?.push(queuedSec);
    return about(spec.id === "bully" ? bullyRunMs : 1000);
  });
  const run = async (client: string, thinkMs: number, tally: Tally) => {
    for (;;) {
      const place = await line.reserve({ command: "default", client });
      if (!place.reserved) {
        tally.refused++;
        await about(1000);
        continue;
      }
      const outcome = await place.fill(specOf(client));
      assert.equal(outcome.kind, "ran");
      tally.done++;
      await time.after(thinkMs);
    }
  };
  for (let request = 0; request < 60; request++) {
    run("bully", 0, { done: 0, refused: 0, waitsSec: [] });
  }
  const tallies = small.map((client): Tally => ({
    done: 0,
    refused: 0,
    waitsSec: waitsSec.get(client) ?? [],
  }));
  for (const [index, tally] of tallies.entries()) {
    about(1000).then(() => run(small[index] ?? "", 2000, tally));
  }
  await time.pass(3_000_000);
  line.close();
  return tallies;
}

function p95(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length * 0.95)] ?? 0;
}

for (const [bullyRunMs, leastDone, mostWaitSec] of [[1000, 900, 1], [10_000, 480, 9]] as const) {
  Deno.test(`a fair queue serves three small clients beside one with 60 requests of ${bullyRunMs} ms, where a queue in memory refuses them`, async () => {
    for (const { done, refused, waitsSec } of await simulate(createFairLine, { bullyRunMs })) {
      assert.equal(refused, 0);
      assert.ok(done >= leastDone, `${done} jobs`);
      assert.ok(p95(waitsSec) <= mostWaitSec);
    }
    for (const { done, refused } of await simulate(createMemoryLine, { bullyRunMs })) {
      assert.ok(done < refused / 10, `${done} jobs, ${refused} refusals`);
    }
  });
}
