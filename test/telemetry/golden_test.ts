import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { expose } from "../support/exposition.ts";
import { projectRoot } from "../support/program.ts";

Deno.test("/metrics without a configuration file is the same text as before commands had names", async () => {
  const { exposition, metrics } = expose();
  const idle = await exposition.text();
  const jobs = metrics.of(undefined);
  jobs.jobStarted({ queuedSec: 0.02, payloadBytes: 100 });
  jobs.jobStarted({ queuedSec: 2, payloadBytes: 0 });
  jobs.jobEnded(2, "failed", {
    elapsedSec: 0.3,
    resultBytes: 5000,
    truncated: ["stdout", "data"],
  });
  jobs.jobEnded(1, "not_started");
  metrics.rejected("queue_full");
  metrics.rejected("invalid");
  metrics.requestArrived("POST");
  assert.equal(
    await exposition.text(),
    Deno.readTextFileSync(`${projectRoot}test/telemetry/metrics_without_names.txt`),
  );
  // Before anything happens, the same series are there in another order.
  assert.equal(
    createHash("sha256").update(idle).digest("hex"),
    "ab0dfcc1760828ff6bf3ccf5663ede58d1219a7bf536cbb0ede3c07660cf65b3",
  );
});
