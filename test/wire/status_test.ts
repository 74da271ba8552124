import assert from "node:assert/strict";
import { encodeStatus } from "../../src/wire/status.ts";

Deno.test("encodeStatus() has the two keys of the contract first, and names jobs only on request", () => {
  const status = {
    waiting: 4,
    started: 9,
    version: "1.2.3",
    uptimeSec: 1.23456,
    ready: true,
    queueLimit: 30,
    buffered: { bodies: 4, captures: 2, answers: 1 },
    workers: [{ id: 1, sinceSec: 0.5, job: { id: "i", requestId: "r", pid: 17 } }, {
      id: 2,
      sinceSec: 2,
    }],
    outcomes: { success: 3, failed: 1 },
    rejections: { queue_full: 2 },
    recent: {
      windowSec: 300,
      queuedSec: { count: 4, quantile: (q: number) => q },
      elapsedSec: { count: 0, quantile: () => undefined },
    },
  };
  const text = encodeStatus(status, true);
  assert.deepEqual(JSON.parse(encodeStatus(status, false)), {
    ...JSON.parse(text),
    worker_states: [
      { worker_id: 1, state: "running", since_sec: 0.5 },
      { worker_id: 2, state: "idle", since_sec: 2 },
    ],
  });
  assert.ok(text.startsWith('{"queued_jobs":4,"total_jobs":9,'));
  assert.deepEqual(JSON.parse(text), {
    queued_jobs: 4,
    total_jobs: 9,
    version: "1.2.3",
    uptime_sec: 1.235,
    state: "ready",
    workers: 2,
    busy: 1,
    queue_limit: 30,
    buffered_bytes: 7,
    buffered: { bodies: 4, captures: 2, answers: 1 },
    worker_states: [
      { worker_id: 1, state: "running", since_sec: 0.5, id: "i", request_id: "r", pid: 17 },
      { worker_id: 2, state: "idle", since_sec: 2 },
    ],
    outcomes: { success: 3, failed: 1 },
    rejections: { queue_full: 2 },
    recent: {
      window_sec: 300,
      queued_sec: { count: 4, p50: 0.5, p95: 0.95 },
      elapsed_sec: { count: 0, p50: null, p95: null },
    },
  });
});
