import assert from "node:assert/strict";
import { type Names, outcomeLabels } from "../../src/jobs/job.ts";
import { catalogue, type MetricRow, rejectionReasons } from "../../src/telemetry/catalogue.ts";
import { expose, exposeCluster, someCluster, somePool } from "../support/exposition.ts";

const thumbs: Names = { command: "thumbs", pool: "office" };
const preview: Names = { command: "preview", pool: "office" };
const pdf: Names = { command: "pdf", pool: "pdf" };
const labelsOf = ({ command, pool }: Names) => `command="${command}",pool="${pool}"`;

const pools = () => [
  { ...somePool, name: "office", numWorkers: 1, busy: 1, queuedJobs: 7 },
  { ...somePool, name: "pdf", numWorkers: 4, busy: 2, queuedJobs: 0 },
];

const run = { elapsedSec: 0.3, resultBytes: 5000, truncated: ["stdout", "data"] as const };

Deno.test("job metrics with names have every series of every command from the start, with 0", async () => {
  const commands = [thumbs, preview, pdf];
  const { sample } = expose({ pools }, commands);
  assert.deepEqual(
    await sample("jobrunner_jobs_total"),
    commands.flatMap((names) =>
      ["1", "2"].flatMap((worker) =>
        outcomeLabels.map((outcome) =>
          `{${labelsOf(names)},worker_id="${worker}",outcome="${outcome}"} 0`
        )
      )
    ),
  );
  assert.deepEqual(
    await sample("jobrunner_requests_rejected_total"),
    ["", ...commands.map((names) => `${labelsOf(names)},`)].flatMap((labels) =>
      rejectionReasons.map((reason) => `{${labels}reason="${reason}"} 0`)
    ),
    "those without labels are requests whose command is not known",
  );
  assert.deepEqual(
    await sample("jobrunner_outputs_truncated_total"),
    commands.flatMap((names) =>
      ["stdout", "stderr", "data"].map((output) => `{${labelsOf(names)},output="${output}"} 0`)
    ),
  );
  for (const { name } of [catalogue.queueWait, catalogue.duration]) {
    const counts = commands.map((names) => `{${labelsOf(names)}} 0`);
    assert.deepEqual(await sample(`${name}_count`), counts);
  }
});

Deno.test("job metrics with names count and measure each command by itself", async () => {
  const { metrics, sample } = expose({ pools }, [thumbs, preview, pdf]);
  const jobs = metrics.of(thumbs);
  jobs.jobStarted({ queuedSec: 0.02, payloadBytes: 100 });
  jobs.jobEnded(2, "failed", run);
  metrics.of(preview).jobEnded(2, "failed", run);
  metrics.of({ ...thumbs }).jobEnded(2, "failed");
  const ofThumbs = labelsOf(thumbs);
  const jobsOfThumbs = `jobrunner_jobs_total{${ofThumbs},worker_id="2",outcome="failed"}`;
  assert.deepEqual(await sample(jobsOfThumbs), [" 2"], "names are compared by their text");
  for (
    const [name, value] of [
      ["job_queue_wait_seconds_sum", 0.02],
      ["job_payload_bytes_sum", 100],
      ["job_duration_seconds_sum", 0.3],
      ["job_result_bytes_sum", 5000],
    ] as const
  ) {
    assert.deepEqual(await sample(`jobrunner_${name}{${ofThumbs}}`), [` ${value}`], name);
    assert.deepEqual(await sample(`jobrunner_${name}{${labelsOf(pdf)}}`), [" 0"], name);
  }
  const truncated = `jobrunner_outputs_truncated_total{${ofThumbs},output="stdout"}`;
  assert.deepEqual(await sample(truncated), [" 1"]);
});

Deno.test("jobStarted() of a job whose wait another machine measures counts its payload only", async () => {
  const { metrics, sample } = expose({ pools }, [thumbs]);
  metrics.of(thumbs).jobStarted({ queuedSec: undefined, payloadBytes: 100 });
  const ofThumbs = labelsOf(thumbs);
  for (const [name, count] of [["queue_wait_seconds", 0], ["payload_bytes", 1]] as const) {
    assert.deepEqual(await sample(`jobrunner_job_${name}_count{${ofThumbs}}`), [` ${count}`]);
  }
});

Deno.test("rejected() with names counts for that command, without them for none", async () => {
  const { metrics, sample } = expose({ pools }, [thumbs, pdf]);
  metrics.rejected("queue_full", pdf);
  metrics.rejected("unauthorized");
  assert.deepEqual(
    (await sample("jobrunner_requests_rejected_total")).filter((line) => !line.endsWith(" 0")),
    ['{reason="unauthorized"} 1', `{${labelsOf(pdf)},reason="queue_full"} 1`],
  );
});

Deno.test("outcomes() and rejections() are sums over all commands, or of one in whatever pool", () => {
  const { metrics } = expose({ pools }, [thumbs, pdf]);
  metrics.of(pdf).jobEnded(1, "success");
  metrics.of(thumbs).jobEnded(1, "success");
  metrics.of(thumbs).jobEnded(2, "success");
  metrics.of({ ...thumbs, pool: "pdf" }).jobEnded(1, "success");
  metrics.rejected("queue_full", thumbs);
  metrics.rejected("queue_full", pdf);
  metrics.rejected("queue_full");
  const figures = (command?: string) => [
    metrics.outcomes(command).success,
    metrics.rejections(command).queue_full,
  ];
  assert.deepEqual(figures(), [4, 3]);
  assert.deepEqual(figures("thumbs"), [3, 1]);
  assert.deepEqual(figures("pdf"), [1, 1]);
  assert.deepEqual(figures("none"), [0, 0]);
});

Deno.test("announce() again adds what is missing: counters neither go back nor vanish", async () => {
  const { metrics, sample } = expose({ pools }, [thumbs]);
  metrics.of(thumbs).jobEnded(2, "success", run);
  metrics.rejected("queue_full", thumbs);
  const count = (names: Names, worker: number) =>
    sample(`jobrunner_jobs_total{${labelsOf(names)},worker_id="${worker}",outcome="success"}`);
  const moved = { ...thumbs, pool: "pdf" };
  metrics.announce({ names: thumbs, numWorkers: 3 });
  metrics.announce({ names: thumbs, numWorkers: 1 });
  metrics.announce({ names: moved, numWorkers: 1 });
  assert.deepEqual(await count(thumbs, 2), [" 1"]);
  assert.deepEqual(await count(thumbs, 3), [" 0"]);
  assert.deepEqual(await count(thumbs, 4), []);
  assert.deepEqual(await count(moved, 1), [" 0"]);
  assert.deepEqual(await count(moved, 2), []);
  const counts = "jobrunner_job_duration_seconds_count";
  assert.deepEqual(await sample(`${counts}{${labelsOf(thumbs)}}`), [" 1"]);
  assert.deepEqual(await sample(`${counts}{${labelsOf(moved)}}`), [" 0"]);
  const lines = await sample("jobrunner_");
  assert.equal(new Set(lines).size, lines.length, "no series is there twice");
  assert.equal(metrics.rejections("thumbs").queue_full, 1);
});

Deno.test("jobEnded() of a worker that was not announced is counted", async () => {
  const { metrics, sample } = expose({ pools }, [thumbs]);
  metrics.of(thumbs).jobEnded(4, "success");
  const ofWorker = `jobrunner_jobs_total{${labelsOf(thumbs)},worker_id="4",outcome="success"}`;
  assert.deepEqual(await sample(ofWorker), [" 1"]);
});

Deno.test("/metrics with more than 2000 series of a metric has each of them", async () => {
  const { metrics, sample } = expose({ pools }, []);
  metrics.announce({ names: thumbs, numWorkers: 1024 });
  metrics.of(thumbs).jobEnded(1024, "shutdown");
  const lines = await sample("jobrunner_jobs_total");
  assert.equal(lines.length, 1024 * outcomeLabels.length);
  assert.equal(lines.at(-1), `{${labelsOf(thumbs)},worker_id="1024",outcome="shutdown"} 1`);
});

Deno.test("/metrics has the gauges of every pool that exists at the moment of the scrape", async () => {
  let now = pools();
  const { sample } = expose({ pools: () => now }, [thumbs, pdf]);
  const all = (name: string) => sample(`jobrunner_${name}`);
  assert.deepEqual(await all("workers{"), ['pool="office"} 1', 'pool="pdf"} 4']);
  assert.deepEqual(await all("workers_busy"), ['{pool="office"} 1', '{pool="pdf"} 2']);
  assert.deepEqual(await all("queued_jobs"), ['{pool="office"} 7', '{pool="pdf"} 0']);
  assert.deepEqual(await all("queue_limit"), ['{pool="office"} 20', '{pool="pdf"} 20']);
  assert.deepEqual(await all("queue_oldest_wait_seconds"), [
    '{pool="office"} 3.5',
    '{pool="pdf"} 3.5',
  ]);
  now = [{ ...somePool, name: "new" }];
  assert.deepEqual(await all("queued_jobs"), ['{pool="new"} 12'], "a removed pool has no value");
});

Deno.test("waited() measures how long a job had waited that another machine runs, and nothing else", async () => {
  const { metrics, sample } = expose({}, [thumbs]);
  metrics.of(thumbs).waited(0.2);
  const sumOf = (name: string) => sample(`jobrunner_job_${name}_sum`);
  assert.deepEqual(await sumOf("queue_wait_seconds"), ['{command="thumbs",pool="office"} 0.2']);
  assert.deepEqual(await sumOf("payload_bytes"), ['{command="thumbs",pool="office"} 0']);
});

Deno.test("every metric has the labels that the catalogue lists, in that order", async () => {
  for (
    const { commands, named } of [
      { commands: [undefined], named: false },
      { commands: [thumbs], named: true },
    ]
  ) {
    const exposed = expose(named ? { pools } : {}, commands);
    const { metrics, sample } = exposed;
    const [queue] = someCluster.queues;
    assert.ok(queue);
    const figures = { ...someCluster, queues: [{ ...queue, name: commands[0]?.pool }] };
    const cluster = exposeCluster(exposed, () => figures);
    for (const names of commands) {
      metrics.warmOf(names);
      cluster.of(names?.pool);
    }
    for (const row of Object.values<MetricRow>(catalogue)) {
      const labels = [...(named ? row.named ?? [] : []), ...Object.keys(row.labels)];
      const name = row.type === "histogram" ? `${row.name}_count` : row.name;
      const lines = (await sample(name)).filter((line) => /^[{ ]/.test(line));
      const found = [...(lines.at(-1) ?? "").matchAll(/(\w+)="/g)].map(([, label]) => label);
      assert.deepEqual(found, labels, row.name);
    }
  }
});
