/**
 * Tests of the line's contract, for every implementation of it.
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import type { JobOutcome, JobSpec } from "../../src/jobs/job.ts";
import type { About, Lease, Line, Place, Refusal } from "../../src/jobs/line.ts";
import { ranOf, resultOf, specOf } from "./jobs.ts";
import { nextTurn } from "./turn.ts";

/** How a line is to be made for one test. */
export interface LineSetup {
  readonly workers: number;
  readonly places: number;
  /** In milliseconds; none when absent. */
  readonly queueTimeoutMs?: number;
}

/** A line for one test. */
export interface LineUnderTest extends AsyncDisposable {
  readonly line: Line;
  /** Lets so many milliseconds go by, as the line counts them. */
  pass(ms: number): Promise<void> | void;
}

/** One implementation of the contract. */
export interface LineBody {
  readonly name: string;
  open(setup: LineSetup): Promise<LineUnderTest> | LineUnderTest;
  /** What is said about each job besides that its body is still to arrive. */
  readonly about: About;
  /** The most unfinished jobs. */
  bound(setup: LineSetup): number;
  /** The most bodies that are still to arrive. */
  mostArriving(setup: LineSetup): number;
  /** The order in which waiting jobs are taken; given in the order in which they were filled. */
  order(filled: readonly JobSpec[]): readonly JobSpec[];
  /** Set if only filled places count: reserve() may give a place although the queue is full, and fill() then refuses the job. */
  readonly refusesAtFill?: true;
}

/** A place that counts, and the outcome of its job if it is filled. */
interface Held {
  readonly place: Place;
  readonly outcome?: Promise<JobOutcome>;
}

/** Why a place was not given, or a job not taken into its place. */
type Refused = Pick<Refusal, "cause" | "retryAfterSec"> & Partial<Pick<Refusal, "waiting">>;

function isHeld(asked: Held | Refused): asked is Held {
  return "place" in asked;
}

function isRefused(
  outcome: JobOutcome | undefined,
): outcome is Extract<JobOutcome, { readonly kind: "left" }> {
  return outcome?.kind === "left" && outcome.cause === "queue_full";
}

async function leaseOf(line: Line): Promise<Lease> {
  const lease = await line.take();
  assert.ok(lease);
  return lease;
}

function leftBecause(outcome: JobOutcome): string {
  assert.equal(outcome.kind, "left", JSON.stringify(outcome));
  return outcome.kind === "left" ? outcome.cause : "";
}

/** A worker that calls `run` for each of its jobs until the line is closed. */
async function work(line: Line, run: (lease: Lease) => Promise<void> | void): Promise<void> {
  for (let lease = await line.take(); lease;) {
    await run(lease);
    const next = line.take();
    lease.settle(ranOf(lease.spec));
    lease = await next;
  }
}

/** Declares the tests of one implementation. */
export function testLine(
  { name, open, about, bound, mostArriving, order, refusesAtFill }: LineBody,
): void {
  async function placeIn(line: Line, signal?: AbortSignal): Promise<Place> {
    const place = await line.reserve(about, signal);
    assert.ok(place.reserved);
    return place;
  }

  /** Asks for a place and fills it; resolves when it is known whether the job is in the queue. */
  async function admitted(line: Line, spec: JobSpec): Promise<Required<Held> | Refused> {
    const place = await line.reserve(about);
    if (!place.reserved) return place;
    const outcome = place.fill(spec);
    if (!refusesAtFill) return { place, outcome };
    let early: JobOutcome | undefined;
    outcome.then((outcome) => early = outcome);
    await place.entered;
    if (!isRefused(early)) return { place, outcome };
    return { cause: "queue_full", retryAfterSec: early.retryAfterSec };
  }

  /** Asks for a place that counts: reserves it or, where only filled places count, fills it too. */
  async function held(line: Line): Promise<Held | Refused> {
    if (refusesAtFill) return await admitted(line, specOf("held"));
    const place = await line.reserve(about);
    return place.reserved ? { place } : place;
  }

  /** Takes all places, and returns them with the refusal of one more. */
  async function fillUp(line: Line): Promise<{ places: Held[]; refusal: Refused }> {
    const places: Held[] = [];
    for (;;) {
      const next = await held(line);
      if (!isHeld(next)) return { places, refusal: next };
      places.push(next);
    }
  }

  /** Gives a place back; resolves when it is free. */
  async function leave({ place, outcome }: Held): Promise<void> {
    place.leave();
    await outcome;
  }

  async function refusalOf(line: Line): Promise<Refusal> {
    const refusal = await line.reserve(about);
    assert.ok(!refusal.reserved);
    return refusal;
  }

  const test = (promise: string, act: (underTest: LineUnderTest) => Promise<void>, {
    workers = 1,
    places = 2,
    ...more
  }: Partial<LineSetup> = {}) =>
    Deno.test(`${name}: ${promise}`, async () => {
      await using underTest = await open({ workers, places, ...more });
      await act(underTest);
    });

  test("take() returns the job as it was filled, and its outcome reaches its client", async ({ line }) => {
    const spec = specOf("a", { traceparent: `00-${"1".repeat(32)}-${"2".repeat(16)}-01` });
    const handle = { onInputStored() {}, onCaptured() {} };
    const outcome = (await placeIn(line)).fill(spec, handle);
    const lease = await leaseOf(line);
    assert.deepEqual(lease.spec, spec);
    assert.equal(lease.handle, handle);
    assert.ok(lease.queuedSec >= 0);
    assert.equal(lease.stop.cause, undefined);
    lease.settle(ranOf(spec));
    const answer = await outcome;
    assert.ok(answer.kind === "ran");
    const { node: _, ...result } = answer.result;
    assert.deepEqual(result, resultOf(spec));
  });

  test("take() gives the next job to a worker that waits", async ({ line }) => {
    const taken = line.take();
    const place = await placeIn(line);
    place.fill(specOf("a"));
    const lease = await taken;
    assert.equal(lease?.spec.id, "a");
    lease?.settle(ranOf(lease.spec));
  });

  test("take() skips a job that leaves at the moment in which a worker would get it", async ({ line }) => {
    const taken = line.take();
    const place = await placeIn(line);
    const outcome = place.fill(specOf("a"));
    place.leave();
    assert.equal(leftBecause(await outcome), "canceled");
    (await placeIn(line)).fill(specOf("b"));
    const lease = await taken;
    assert.equal(lease?.spec.id, "b");
    lease?.settle(ranOf(lease.spec));
  });

  test("take() gives no job to a worker that does not stay, and the job to the next one", async ({ line }) => {
    const outcome = (await placeIn(line)).fill(specOf("a"));
    assert.equal(await line.take(() => false), undefined);
    const lease = await leaseOf(line);
    assert.equal(lease.spec.id, "a");
    lease.settle(ranOf(lease.spec));
    await outcome;
  });

  test("recall() ends the wait of a worker that does not stay, and of no other", async ({ line }) => {
    let stays = true;
    const [leaving, staying] = [line.take(() => stays), line.take()];
    await nextTurn();
    line.recall();
    stays = false;
    line.recall();
    assert.equal(await leaving, undefined);
    const outcome = (await placeIn(line)).fill(specOf("a"));
    const lease = await staying;
    assert.equal(lease?.spec.id, "a");
    lease?.settle(ranOf(lease.spec));
    await outcome;
  });

  test(
    "recall() loses no job that is on its way to a worker that does not stay",
    async ({ line }) => {
      let stays = true;
      const taken = line.take(() => stays);
      const outcomes = ["a", "b"].map(async (id) => (await placeIn(line)).fill(specOf(id)));
      await Promise.resolve();
      stays = false;
      line.recall();
      line.close();
      const ran: string[] = [];
      const run = ({ spec }: Lease) => void ran.push(spec.id);
      const lease = await taken;
      if (lease) {
        run(lease);
        lease.settle(ranOf(lease.spec));
      }
      await work(line, run);
      assert.deepEqual(ran, ["a", "b"]);
      for (const outcome of outcomes) assert.equal((await outcome).kind, "ran");
    },
    { places: 1 },
  );

  test("take() asks whether a worker stays when the job that it would get leaves", async ({ line }) => {
    let stays = true;
    const taken = line.take(() => stays);
    const place = await placeIn(line);
    const outcome = place.fill(specOf("a"));
    place.leave();
    stays = false;
    line.recall();
    assert.equal(await taken, undefined);
    assert.equal(leftBecause(await outcome), "canceled");
  });

  test("fill() throws for a place that was filled before", async ({ line }) => {
    const place = await placeIn(line);
    const outcome = place.fill(specOf("a"));
    assert.throws(() => place.fill(specOf("b")), /filled once/);
    place.leave();
    await outcome;
  });

  test("take() returns jobs in the order of the queue", async ({ line }) => {
    const specs = ["a", "b", "c", "d"].map((id) => specOf(id));
    for (const spec of specs) (await placeIn(line)).fill(spec);
    for (const spec of order(specs)) {
      const lease = await leaseOf(line);
      assert.equal(lease.spec.id, spec.id);
      lease.settle(ranOf(spec));
    }
  }, { places: 3 });

  for (const setup of [{ workers: 1, places: 0 }, { workers: 3, places: 5 }]) {
    const most = bound(setup);
    test(
      `reserve() refuses requests beyond the bound of ${most} (workers: ${setup.workers})`,
      async ({ line }) => {
        const run = Promise.withResolvers<void>();
        const workers = Array.from({ length: setup.workers }, () => work(line, () => run.promise));
        const ids = Array.from({ length: 2 * most }, (_, index) => String(index));
        // All ask before the first fills its place.
        const asked = await Promise.all(ids.map((id) => admitted(line, specOf(id))));
        assert.equal(asked.filter(isHeld).length, most);
        await nextTurn();
        const late = await admitted(line, specOf("late"));
        assert.ok(!isHeld(late), "filled places are still taken");
        assert.equal(late.waiting ?? line.waiting, most - setup.workers);
        run.resolve();
        for (const [index, each] of [...asked, late].entries()) {
          if (!isHeld(each)) {
            assert.equal(each.cause, "queue_full");
            continue;
          }
          const outcome = await each.outcome;
          assert.equal(outcome?.kind === "ran" && outcome.result.id, ids[index]);
        }
        line.close();
        await Promise.all(workers);
      },
      setup,
    );

    test(
      `reserve() never refuses as many waiting clients as the bound of ${most} (workers: ${setup.workers})`,
      async ({ line }) => {
        const workers = Array.from(
          { length: setup.workers },
          () => work(line, () => Promise.resolve()),
        );
        let answered = 0;
        await Promise.all(Array.from({ length: most }, async () => {
          for (let turn = 0; turn < 50; turn++) {
            const outcome = await (await placeIn(line)).fill(specOf("a"));
            assert.equal(outcome.kind, "ran");
            answered++;
          }
        }));
        assert.equal(answered, 50 * most);
        line.close();
        await Promise.all(workers);
      },
      setup,
    );
  }

  for (
    const setup of [{ workers: 1, places: 0 }, { workers: 4, places: 0 }, { workers: 1, places: 7 }]
  ) {
    const most = mostArriving(setup);
    test(
      `reserve() lets at most ${most} bodies arrive, beside which others get all other places (${setup.workers} workers, ${setup.places} places)`,
      async ({ line }) => {
        const arrive = () => line.reserve({ ...about, arriving: true });
        const arriving = await Promise.all(Array.from({ length: most }, arrive));
        const refusal = await arrive();
        /** How many places they take. */
        const taken = refusesAtFill ? 0 : most;
        assert.equal(
          !refusal.reserved && refusal.cause,
          taken < bound(setup) ? "uploads_full" : "queue_full",
        );
        const { places: others, refusal: full } = await fillUp(line);
        assert.deepEqual([others.length + taken, full.cause], [bound(setup), "queue_full"]);
        const leaveOne = async () => {
          const other = others.pop();
          if (other) await leave(other);
        };
        // A body that has arrived, and one that broke off, make room for the next.
        const [filled, ...broken] = arriving;
        assert.ok(filled?.reserved);
        if (refusesAtFill) await leaveOne();
        const outcome = filled.fill(specOf("a"));
        for (const place of broken) if (place.reserved) place.leave();
        await leaveOne();
        if (bound(setup) > 1) {
          const next = await arrive();
          assert.ok(next.reserved);
          next.leave();
        }
        for (const other of others) await leave(other);
        const lease = await leaseOf(line);
        lease.settle(ranOf(lease.spec));
        assert.equal((await outcome).kind, "ran");
        assert.ok((await arrive()).reserved);
        assert.equal(line.cut().waiting, 0);
      },
      setup,
    );
  }

  test("reserve() lets a body arrive again whose client disconnected", async ({ line }) => {
    const gone = new AbortController();
    const body = { ...about, arriving: true };
    assert.ok((await line.reserve(body, gone.signal)).reserved);
    const places: Place[] = [];
    while (places.length + 1 < mostArriving({ workers: 1, places: 2 })) {
      const place = await line.reserve(body);
      assert.ok(place.reserved);
      places.push(place);
    }
    assert.equal((await line.reserve(body)).reserved, false);
    gone.abort();
    const place = await line.reserve(body);
    assert.ok(place.reserved);
    for (const each of [...places, place]) each.leave();
  }, { places: 2 });

  test(
    "position() is the number of jobs until this one is taken, and 0 unless it waits",
    async ({ line }) => {
      const places: Place[] = [];
      for (const id of ["a", "b", "c"]) {
        const place = await placeIn(line);
        assert.equal(place.position(), 0);
        place.fill(specOf(id));
        places.push(place);
      }
      const positions = () => places.map((place) => place.position());
      const [first] = order(places.map((_, index) => specOf("abc".charAt(index))));
      assert.deepEqual([...positions()].sort(), [1, 2, 3]);
      const lease = await leaseOf(line);
      assert.equal(positions()["abc".indexOf(first?.id ?? "")], 0);
      assert.deepEqual([...positions()].sort(), [0, 1, 2]);
      lease.settle(ranOf(lease.spec));
      for (const place of places) place.leave();
      assert.deepEqual(positions(), [0, 0, 0]);
    },
    { places: 3 },
  );

  test("ended resolves when the line is closed and every place is given back or has its outcome", async ({ line }) => {
    let ended = false;
    void line.ended.then(() => ended = true);
    const [first, second] = [await placeIn(line), await placeIn(line)];
    const outcome = first.fill(specOf("a"));
    const lease = await leaseOf(line);
    line.close();
    second.leave();
    await nextTurn();
    assert.equal(ended, false);
    lease.settle(ranOf(lease.spec));
    await outcome;
    await line.ended;
  });

  test("ended does not resolve before the line is closed, and at once after close() of an empty one", async ({ line }) => {
    let ended = false;
    void line.ended.then(() => ended = true);
    (await placeIn(line)).leave();
    await nextTurn();
    assert.equal(ended, false);
    line.close();
    await line.ended;
  });

  test(`waiting counts a place from ${refusesAtFill ? "fill" : "reserve"}() until leave()`, async ({ line }) => {
    const { places, refusal } = await fillUp(line);
    assert.equal(refusal.cause, "queue_full");
    assert.equal(line.waiting, places.length);
    const [, second] = places;
    assert.ok(second);
    second.place.leave();
    await leave(second);
    assert.equal(line.waiting, places.length - 1);
    const next = await held(line);
    assert.ok(isHeld(next));
    for (const each of [...places, next]) await leave(each);
    assert.equal(line.waiting, 0);
  });

  test("fill() after leave() has the outcome left, without a wait", async ({ line, pass }) => {
    await pass(1000);
    const place = await placeIn(line);
    place.leave();
    const outcome = await place.fill(specOf("a"));
    assert.equal(leftBecause(outcome), "canceled");
    assert.equal(outcome.kind === "left" && outcome.queuedSec, 0);
    assert.equal(line.waiting, 0);
  });

  test("a waiting job leaves and frees its place when its client disconnects, even with finish", async ({ line }) => {
    const gone = new AbortController();
    const first = (await placeIn(line)).fill(specOf("a"));
    const second = (await placeIn(line, gone.signal)).fill(specOf("b", { onDisconnect: "finish" }));
    const third = (await placeIn(line)).fill(specOf("c"));
    gone.abort();
    assert.equal(leftBecause(await second), "canceled");
    assert.equal(line.waiting, 2);
    for (const id of ["a", "c"]) {
      const lease = await leaseOf(line);
      assert.equal(lease.spec.id, id);
      lease.settle(ranOf(lease.spec));
    }
    await Promise.all([first, third]);
  });

  test("a job does not run if its client disconnected before reserve()", async ({ line }) => {
    const place = await placeIn(line, AbortSignal.abort());
    assert.equal(leftBecause(await place.fill(specOf("a"))), "canceled");
    assert.equal(line.waiting, 0);
  });

  for (const onDisconnect of ["cancel", "finish"] as const) {
    test(`a disconnect ${onDisconnect === "cancel" ? "stops" : "does not stop"} a running job with onDisconnect ${onDisconnect}`, async ({ line }) => {
      const gone = new AbortController();
      const place = await placeIn(line, gone.signal);
      const outcome = place.fill(specOf("a", { onDisconnect }));
      const lease = await leaseOf(line);
      gone.abort();
      place.leave();
      await nextTurn();
      assert.equal(lease.stop.cause, onDisconnect === "cancel" ? "canceled" : undefined);
      lease.settle(ranOf(lease.spec));
      assert.equal((await outcome).kind, "ran");
    });
  }

  test("a disconnect after settle() has no effect", async ({ line }) => {
    const gone = new AbortController();
    const place = await placeIn(line, gone.signal);
    const outcome = place.fill(specOf("a"));
    const lease = await leaseOf(line);
    lease.settle(ranOf(lease.spec));
    gone.abort();
    place.leave();
    assert.equal((await outcome).kind, "ran");
    assert.equal(line.waiting, 0);
  });

  test(
    "the queue timeout makes a waiting job leave, and does not affect a running one",
    async ({ line, pass }) => {
      const running = (await placeIn(line)).fill(specOf("runs"));
      const lease = await leaseOf(line);
      const waiting = (await placeIn(line)).fill(specOf("waits"));
      await nextTurn();
      await pass(100);
      const outcome = await waiting;
      assert.equal(leftBecause(outcome), "queue_timeout");
      assert.ok(outcome.kind === "left" && outcome.queuedSec >= 0.1 && outcome.retryAfterSec >= 1);
      assert.equal(lease.stop.cause, undefined);
      assert.equal(line.waiting, 0);
      lease.settle(ranOf(lease.spec));
      assert.equal((await running).kind, "ran");
    },
    { queueTimeoutMs: 100 },
  );

  test("a job without a queue timeout keeps waiting, measured from fill()", async ({ line, pass }) => {
    const place = await placeIn(line);
    await pass(600_000);
    place.fill(specOf("a"));
    await pass(60_000);
    assert.equal(line.waiting, 1);
    assert.ok(line.oldestWaitSec() >= 60 && line.oldestWaitSec() < 600);
    const lease = await leaseOf(line);
    assert.ok(lease.queuedSec >= 60 && lease.queuedSec < 600);
    assert.equal(line.oldestWaitSec(), 0);
    lease.settle(ranOf(lease.spec));
  });

  test("release() puts a job first in the queue again, with the time that it has waited", async ({ line, pass }) => {
    const first = (await placeIn(line)).fill(specOf("first"));
    const second = (await placeIn(line)).fill(specOf("second"));
    await pass(1000);
    (await leaseOf(line)).release();
    await nextTurn();
    assert.equal(line.waiting, 2);
    const again = await leaseOf(line);
    assert.equal(again.spec.id, "first");
    assert.ok(again.queuedSec >= 1);
    again.settle(ranOf(again.spec));
    const last = await leaseOf(line);
    last.settle(ranOf(last.spec));
    await Promise.all([first, second]);
  });

  test("a lease has no effect after release() or settle()", async ({ line }) => {
    const outcome = (await placeIn(line)).fill(specOf("a"));
    const released = await leaseOf(line);
    released.release();
    released.release();
    released.settle({ kind: "failed", failure: { kind: "internal", reason: "too late" } });
    assert.equal(line.waiting, 1);
    const lease = await leaseOf(line);
    lease.settle(ranOf(lease.spec));
    lease.release();
    assert.equal((await outcome).kind, "ran");
    assert.equal(line.waiting, 0);
  });

  for (const onDisconnect of ["cancel", "finish"] as const) {
    test(`release() makes a job leave whose client disconnected, with onDisconnect ${onDisconnect}`, async ({ line }) => {
      const place = await placeIn(line);
      const outcome = place.fill(specOf("a", { onDisconnect }));
      const lease = await leaseOf(line);
      place.leave();
      lease.release();
      assert.equal(leftBecause(await outcome), "canceled");
      assert.equal(line.waiting, 0);
    });
  }

  test("take() still returns a job that was released after close()", async ({ line }) => {
    const outcome = (await placeIn(line)).fill(specOf("a"));
    const lease = await leaseOf(line);
    line.close();
    lease.release();
    const again = await leaseOf(line);
    again.settle(ranOf(again.spec));
    assert.equal((await outcome).kind, "ran");
    assert.equal(await line.take(), undefined);
  });

  test("close() refuses new places, and ends the workers after the last job", async ({ line }) => {
    const reserved = await placeIn(line);
    const waiting = (await placeIn(line)).fill(specOf("waits"));
    assert.equal(line.state, "open");
    line.close();
    line.close();
    assert.equal(line.state, "closed");
    assert.equal((await refusalOf(line)).cause, "draining");
    const late = reserved.fill(specOf("late"));
    const ran: string[] = [];
    await work(line, ({ spec }) => void ran.push(spec.id));
    assert.deepEqual(ran, ["waits", "late"]);
    assert.deepEqual((await Promise.all([waiting, late])).map(({ kind }) => kind), ["ran", "ran"]);
  });

  test("close() of an empty queue ends the workers that wait", async ({ line }) => {
    const taken = line.take();
    line.close();
    assert.equal(await taken, undefined);
  });

  test(
    "cut() makes waiting jobs leave, stops running ones, and voids reserved places",
    async ({ line }) => {
      const running = (await placeIn(line)).fill(specOf("runs", { onDisconnect: "finish" }));
      const lease = await leaseOf(line);
      const waiting = [specOf("waits"), specOf("waits, too")].map(async (spec) =>
        await (await placeIn(line)).fill(spec)
      );
      const reserved = await placeIn(line);
      await nextTurn();
      assert.deepEqual(line.cut(), { running: 1, waiting: 2 });
      assert.equal(lease.stop.cause, "shutdown");
      for (const outcome of waiting) assert.equal(leftBecause(await outcome), "shutdown");
      assert.equal(leftBecause(await reserved.fill(specOf("late"))), "shutdown");
      assert.equal((await refusalOf(line)).cause, "draining");
      const taken = line.take();
      lease.settle(ranOf(lease.spec));
      assert.equal((await running).kind, "ran");
      assert.equal(await taken, undefined);
      assert.deepEqual(line.cut(), { running: 0, waiting: 0 });
    },
    { places: 3 },
  );

  test(
    "retryAfterSec() estimates from run times when the next place will be served",
    async ({ line, pass }) => {
      assert.equal(line.retryAfterSec(), 1, "nothing is known yet");
      await pass(10_000);
      const outcome = (await placeIn(line)).fill(specOf("a"));
      const lease = await leaseOf(line);
      await pass(10_000);
      lease.settle(ranOf(lease.spec));
      await outcome;
      assert.equal(line.retryAfterSec(), 5, "10 s × 1 ÷ 2");
      const { places, refusal } = await fillUp(line);
      const next = 10 * (places.length + 1) / 2;
      assert.equal(line.retryAfterSec(), next, `10 s × ${places.length + 1} ÷ 2`);
      assert.equal(refusal.retryAfterSec, next);
      for (const { place } of places) place.leave();
      const [first] = places;
      const left = await (first?.outcome ?? first?.place.fill(specOf("b")));
      assert.equal(
        left?.kind === "left" && left.retryAfterSec,
        10 * places.length / 2,
        `10 s × ${places.length} ÷ 2: the others were there`,
      );
      assert.equal(line.retryAfterSec(), 5, "what never ran took no time");
    },
    { workers: 2, places: 0 },
  );

  Deno.test(`${name}: any sequence of calls loses no job, takes none twice, and keeps the bound`, async () => {
    const steps = fc.array(
      fc.record({
        do: fc.constantFrom("reserve", "fill", "leave", "take", "settle", "release"),
        which: fc.nat(),
      }),
      { maxLength: 60 },
    );
    const sizes = fc.record({
      workers: fc.integer({ min: 1, max: 3 }),
      places: fc.nat({ max: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(sizes, steps, async (setup, script) => {
        await using underTest = await open(setup);
        const { line } = underTest;
        const reserved: Place[] = [];
        const filled = new Map<string, { place: Place; outcome?: JobOutcome }>();
        const leases: Lease[] = [];
        const taking: Promise<void>[] = [];
        let count = 0;
        /** Where only filled places count, without the reserved ones. */
        const unfinished = () =>
          (refusesAtFill ? 0 : reserved.length) +
          [...filled.values()].filter(({ outcome }) => !outcome).length;
        const pick = <T>(items: T[], which: number) =>
          items.length === 0 ? undefined : items.splice(which % items.length, 1)[0];
        for (const { do: step, which } of script) {
          switch (step) {
            case "reserve": {
              const place = await line.reserve(about);
              const hasRoom = unfinished() < bound(setup);
              if (refusesAtFill) assert.ok(place.reserved || !hasRoom);
              else assert.equal(place.reserved, hasRoom);
              if (place.reserved) reserved.push(place);
              break;
            }
            case "fill": {
              const place = pick(reserved, which);
              if (!place) break;
              const spec = specOf(String(count++));
              const job: { place: Place; outcome?: JobOutcome } = { place };
              const hasRoom = !refusesAtFill || unfinished() < bound(setup);
              filled.set(spec.id, job);
              place.fill(spec).then((outcome) => job.outcome = outcome);
              await place.entered;
              assert.equal(isRefused(job.outcome), !hasRoom);
              break;
            }
            case "leave": {
              const place = pick(reserved, which) ?? [...filled.values()][which % 5]?.place;
              place?.leave();
              break;
            }
            case "take":
              taking.push(
                line.take().then((lease) => {
                  if (!lease) return;
                  assert.ok(!leases.some(({ spec }) => spec.id === lease.spec.id), "taken twice");
                  leases.push(lease);
                }),
              );
              break;
            case "settle": {
              const lease = pick(leases, which);
              lease?.settle(ranOf(lease.spec));
              break;
            }
            case "release":
              pick(leases, which)?.release();
          }
          await nextTurn();
          assert.ok(line.waiting >= 0 && unfinished() <= bound(setup));
        }
        for (const place of reserved) place.leave();
        line.close();
        let over = false;
        Promise.all([work(line, () => {}), ...taking]).then(() => over = true);
        while (!over) {
          for (const lease of leases.splice(0)) lease.settle(ranOf(lease.spec));
          await nextTurn();
        }
        for (const [id, { outcome }] of filled) assert.ok(outcome, `${id} has no outcome`);
        assert.equal(line.waiting, 0);
      }),
      { numRuns: 60 },
    );
  });
}
