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

Deno.test("statusOf() reports the waiting jobs, each worker's job, outcomes, rejections and recent runs", () => {
  const line = createMemoryLine({ workers: 1, places: 5, queueTimeoutMs: Infinity });
  for (let place = 0; place < 3; place++) line.reserve({ command: "default" });
  const job = { spec: specOf("a"), handle: undefined, queuedSec: 1, stop: createStop(), pid: 42 };
  const workers: WorkerState[] = [
    { id: 1, job, sinceMs: 1500 },
    { id: 2, job: undefined, sinceMs: 500 },
  ];
  const dispatch: Dispatch = {
    line,
    pool: {
      busy: 1,
      started: 9,
      workers: () => workers,
      resize: () => assert.fail(),
      finished: Promise.resolve(),
    },
    resize: () => assert.fail(),
    close: () => assert.fail(),
  };
  const metrics = createMetrics(createExposition(() => Promise.resolve()), {
    numWorkers: 2,
    scheme: "http",
  });
  metrics.jobEnded(1, "failed");
  metrics.rejected("queue_full");
  const recent = { queuedSec: createRecent(), elapsedSec: createRecent() };
  recent.queuedSec.add(3);
  recent.elapsedSec.add(4);
  const { outcomes, rejections, recent: told, ...rest } = statusOf(
    dispatch,
    { metrics, recent },
    { uptimeSec: 77, queueLimit: 5 },
  );
  assert.deepEqual(rest, {
    waiting: 3,
    started: 9,
    version,
    uptimeSec: 77,
    queueLimit: 5,
    workers: [
      { id: 1, sinceSec: 1.5, job: { id: "a", requestId: "request of a", pid: 42 } },
      { id: 2, sinceSec: 0.5 },
    ],
  });
  assert.deepEqual(outcomes, metrics.outcomes());
  assert.equal(outcomes.failed, 1);
  assert.deepEqual(rejections, metrics.rejections());
  assert.equal(rejections.queue_full, 1);
  assert.equal(told.windowSec, windowSec);
  assert.equal(told.queuedSec.quantile(1), 3);
  assert.equal(told.elapsedSec.quantile(1), 4);
});
