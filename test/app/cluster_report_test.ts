import assert from "node:assert/strict";
import { reportTo } from "../../src/app/cluster_report.ts";
import { expose, exposeCluster } from "../support/exposition.ts";
import { specOf } from "../support/jobs.ts";

const job = specOf("a");
const thumbs = { command: "thumbs", pool: "office" };

/** A report of a machine whose commands have names or not, its metrics, and the waits elsewhere: their times, and in traces. */
function report(named: boolean) {
  const waits: unknown[] = [];
  const exposed = expose({}, [named ? thumbs : undefined]);
  const reported = reportTo({
    log: { write() {}, flush: () => Promise.resolve() },
    metrics: exposed.metrics,
    recent: {
      queuedSec: { add: (value) => void waits.push(value), summary: () => assert.fail() },
      elapsedSec: { add: () => assert.fail(), summary: () => assert.fail() },
    },
    tracing: {
      begin: () => assert.fail(),
      beginRun: () => assert.fail(),
      waited: (...told) => void waits.push(told),
      close: () => assert.fail(),
    },
    clusterMetrics: exposeCluster(exposed),
    named,
  });
  return { reported, waits, sample: exposed.sample };
}

for (const named of [false, true]) {
  const files = named ? "with" : "without";
  const labels = named ? '{pool="office"}' : "";

  Deno.test(`reportTo() counts what happens to a queue in its series, ${files} a configuration file`, async () => {
    const { reported, sample } = report(named);
    reported.redelivered("office");
    reported.redelivered("office");
    reported.republished("office", job);
    reported.unclaimed("office", job, { id: "1", name: "one" }, "unwanted");
    reported.claimed("office", "held");
    const countsOf = (name: string) => sample(`jobrunner_cluster_${name}_total`);
    assert.deepEqual(await countsOf("redeliveries"), [`${labels} 2`]);
    assert.deepEqual(await countsOf("republished"), [`${labels} 1`]);
    assert.deepEqual(await countsOf("results_unclaimed"), [`${labels} 1`]);
    const claims = (await countsOf("claims")).filter((line) => !line.endsWith(" 0"));
    assert.deepEqual(claims, [named ? '{pool="office",answer="held"} 1' : '{answer="held"} 1']);
  });
}

Deno.test("reportTo() measures the steps between machines", async () => {
  const { reported, sample } = report(false);
  reported.hop("claim", 0.5);
  assert.deepEqual(await sample('jobrunner_cluster_hop_duration_seconds_sum{hop="claim"'), [
    "} 0.5",
  ]);
});

Deno.test("reportTo() measures how long a job has waited that ran on another machine, and counts no job", async () => {
  const { reported, sample } = report(true);
  reported.ranElsewhere({ spec: job, names: thumbs, queuedSec: 0.2, totalSec: 3 });
  const ofThumbs = '{command="thumbs",pool="office"}';
  assert.deepEqual(await sample("jobrunner_job_queue_wait_seconds_sum"), [`${ofThumbs} 0.2`]);
  assert.ok((await sample("jobrunner_jobs_total")).every((line) => line.endsWith(" 0")));
  assert.deepEqual(await sample("jobrunner_job_duration_seconds_count"), [`${ofThumbs} 0`]);
});

Deno.test("reportTo() adds the wait of a job that ran elsewhere to the recent ones, and to its trace if it has one", () => {
  const { reported, waits } = report(true);
  reported.ranElsewhere({ spec: job, names: thumbs, queuedSec: 1, totalSec: 3 });
  const traced = { ...job, traceparent: "the trace", tracestate: "its state" };
  reported.ranElsewhere({ spec: traced, names: thumbs, queuedSec: 2, totalSec: 5 });
  assert.deepEqual(waits, [
    1,
    2,
    [{ traceparent: "the trace", tracestate: "its state" }, { queuedSec: 2, totalSec: 5 }],
  ]);
});
