import assert from "node:assert/strict";
import { statusOf } from "../../src/app/status.ts";
import type { Dispatch } from "../../src/jobs/dispatch.ts";
import { createMemoryLine } from "../../src/jobs/memory_line.ts";
import type { WorkerState } from "../../src/jobs/pool.ts";
import { createStop } from "../../src/jobs/stop.ts";
import { createExposition } from "../../src/telemetry/exposition.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import { createRecent, windowSec } from "../../src/telemetry/recent.ts";
import { version } from "../../src/version.ts";
import { specOf } from "../support/jobs.ts";

const listenersOf = () => ({
  metrics: createMetrics(createExposition(() => Promise.resolve()), {
    scheme: "http",
    named: false,
  }),
  recent: { queuedSec: createRecent(), elapsedSec: createRecent() },
});

/** A queue with this many waiting jobs, and its workers. */
function dispatchOf(waiting: number, started: number, workers: readonly WorkerState[]): Dispatch {
  const line = createMemoryLine({ workers: 1, places: 5, queueTimeoutMs: Infinity });
  for (let place = 0; place < waiting; place++) line.reserve({ command: "default" });
  const busy = workers.filter(({ job }) => job).length;
  return {
    line,
    pool: {
      busy,
      started,
      workers: () => workers,
      resize: () => assert.fail(),
      finished: Promise.resolve(),
    },
    resize: () => assert.fail(),
    close: () => assert.fail(),
  };
}

const running = (command: string, token?: string) => ({
  spec: specOf("a", { command, token }),
  handle: undefined,
  queuedSec: 1,
  stop: createStop(),
  pid: 42,
});

Deno.test("statusOf() reports the waiting jobs, each worker's job, outcomes, rejections and recent runs", () => {
  const dispatch = dispatchOf(3, 9, [
    { id: 1, job: running("default", "ci"), sinceMs: 1500 },
    { id: 2, job: undefined, sinceMs: 500 },
  ]);
  const { metrics, recent } = listenersOf();
  metrics.announce({ names: undefined, numWorkers: 2 });
  metrics.of(undefined).jobEnded(1, "failed");
  metrics.rejected("queue_full");
  recent.queuedSec.add(3);
  recent.elapsedSec.add(4);
  const { outcomes, rejections, recent: told, pools, ...rest } = statusOf(
    { started: 9, pools: [{ name: undefined, dispatch, queueLimit: 5 }] },
    { metrics, recent },
    77,
  );
  assert.deepEqual(rest, { started: 9, version, uptimeSec: 77 });
  assert.ok((pools[0]?.oldestWaitSec ?? -1) >= 0);
  assert.deepEqual(pools.map(({ oldestWaitSec: _, ...pool }) => pool), [{
    name: undefined,
    waiting: 3,
    queueLimit: 5,
    workers: [
      {
        id: 1,
        sinceSec: 1.5,
        job: { id: "a", requestId: "request-of-a", command: "default", token: "ci", pid: 42 },
      },
      { id: 2, sinceSec: 0.5 },
    ],
  }]);
  assert.deepEqual(outcomes, metrics.outcomes());
  assert.equal(outcomes["failed"], 1);
  assert.deepEqual(rejections, metrics.rejections());
  assert.equal(rejections["queue_full"], 1);
  assert.equal(told.windowSec, windowSec);
  assert.equal(told.queuedSec.quantile(1), 3);
  assert.equal(told.elapsedSec.quantile(1), 4);
});

Deno.test("statusOf() reports every pool, and every command with its own outcomes and rejections", () => {
  const { metrics, recent } = listenersOf();
  const thumbs = { command: "thumbs", pool: "office" };
  const pdf = { command: "pdf", pool: "pdf" };
  for (const names of [thumbs, pdf]) metrics.announce({ names, numWorkers: 1 });
  metrics.of(thumbs).jobEnded(1, "failed");
  metrics.of(pdf).jobEnded(1, "success");
  metrics.rejected("queue_full", pdf);
  metrics.rejected("unauthorized");
  const { started, pools, commands, outcomes, rejections } = statusOf(
    {
      started: 9,
      pools: [
        {
          name: "office",
          dispatch: dispatchOf(0, 4, [{ id: 1, job: running("thumbs"), sinceMs: 0 }]),
          queueLimit: 5,
        },
        { name: "pdf", dispatch: dispatchOf(2, 3, []), queueLimit: 20 },
      ],
      commands: [{ names: thumbs }, { names: pdf, description: "Office document to PDF" }],
    },
    { metrics, recent },
    77,
  );
  assert.equal(started, 9);
  assert.deepEqual(pools.map(({ name, waiting, queueLimit }) => ({ name, waiting, queueLimit })), [
    { name: "office", waiting: 0, queueLimit: 5 },
    { name: "pdf", waiting: 2, queueLimit: 20 },
  ]);
  assert.equal(pools[0]?.workers[0]?.job?.command, "thumbs");
  assert.deepEqual(
    commands?.map(({ names, description, outcomes, rejections }) => [
      names.command,
      description,
      outcomes["failed"],
      outcomes["success"],
      rejections["queue_full"],
      rejections["unauthorized"],
    ]),
    [
      ["thumbs", undefined, 1, 0, 0, 0],
      ["pdf", "Office document to PDF", 0, 1, 1, 0],
    ],
  );
  assert.deepEqual([outcomes["failed"], outcomes["success"]], [1, 1], "sums of all commands");
  assert.equal(rejections["unauthorized"], 1, "also those without a command");
});

Deno.test("statusOf() reports the warm process of each worker that has one", () => {
  const dispatch = dispatchOf(0, 9, [
    { id: 1, job: running("default", "ci"), sinceMs: 1500 },
    { id: 2, job: undefined, sinceMs: 500 },
    { id: 3, job: undefined, sinceMs: 500 },
  ]);
  const warm = (workerId: number) =>
    workerId < 3 ? { pid: 40 + workerId, sinceMs: 2500, jobs: workerId } : undefined;
  const { pools } = statusOf(
    { started: 9, pools: [{ name: undefined, dispatch, queueLimit: 5, warm }] },
    listenersOf(),
    77,
  );
  assert.deepEqual(pools[0]?.workers.map(({ warm }) => warm), [
    { pid: 41, sinceSec: 2.5, jobs: 1 },
    { pid: 42, sinceSec: 2.5, jobs: 2 },
    undefined,
  ]);
  assert.deepEqual(pools[0]?.workers[2], { id: 3, sinceSec: 0.5 });
});
