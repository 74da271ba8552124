import assert from "node:assert/strict";
import { outcomeLabels } from "../../src/jobs/job.ts";
import { catalogue, rejectionReasons } from "../../src/telemetry/catalogue.ts";
import { expose, exposeCluster, somePool, someProcess } from "../support/exposition.ts";

Deno.test("/metrics has every metric of the catalogue from the start, and no other", async () => {
  const process = () => ({ ...someProcess, configReloaded: true });
  const exposed = expose({ process });
  const { exposition, metrics, prepared } = exposed;
  metrics.warmOf(undefined);
  exposeCluster(exposed).of(undefined);
  const text = await exposition.text();
  assert.equal(prepared(), 1);
  for (const { name, type, help } of Object.values(catalogue)) {
    assert.ok(text.includes(`# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`), name);
    const count = type === "histogram" ? `${name}_count` : name;
    assert.match(text, new RegExp(`^${count}[{ ]`, "m"), name);
  }
  const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
  assert.deepEqual(names.sort(), Object.values(catalogue).map(({ name }) => name).sort());
});

Deno.test("/metrics has the buffered bytes by share, and counts the answers given up", async () => {
  const { sample } = expose();
  assert.deepEqual(await sample("jobrunner_buffered_bytes"), [
    '{share="bodies"} 77',
    '{share="captures"} 8',
    '{share="answers"} 9',
  ]);
  assert.deepEqual(await sample("jobrunner_answers_given_up_total"), [" 4"]);
});

Deno.test("/metrics has every series whose labels are known from the start, with 0", async () => {
  const { sample } = expose();
  assert.deepEqual(
    await sample("jobrunner_jobs_total"),
    ["1", "2"].flatMap((worker) =>
      outcomeLabels.map((outcome) => `{worker_id="${worker}",outcome="${outcome}"} 0`)
    ),
  );
  assert.deepEqual(
    await sample("jobrunner_requests_rejected_total"),
    rejectionReasons.map((reason) => `{reason="${reason}"} 0`),
  );
  assert.deepEqual(await sample("jobrunner_outputs_truncated_total"), [
    '{output="stdout"} 0',
    '{output="stderr"} 0',
    '{output="data"} 0',
  ]);
  const post = 'http_request_method="POST",url_scheme="http",http_route="/payload"';
  assert.deepEqual(
    await sample(`http_server_request_duration_seconds_count{${post}`),
    [200, 400, 401, 408, 411, 413, 415, 500, 503].map((status) =>
      `,http_response_status_code="${status}"} 0`
    ),
  );
  assert.deepEqual(await sample('jobrunner_job_queue_wait_seconds_bucket{le="+Inf"}'), [" 0"]);
});

Deno.test("/metrics reads gauges at the moment of the scrape", async () => {
  let queued = 0;
  const { sample } = expose({ pools: () => [{ ...somePool, queuedJobs: queued }] });
  assert.deepEqual(await sample("jobrunner_queued_jobs"), [" 0"]);
  queued = 500;
  assert.deepEqual(await sample("jobrunner_queued_jobs"), [" 500"]);
  assert.deepEqual(await sample("jobrunner_queue_oldest_wait_seconds"), [" 3.5"]);
  assert.deepEqual(await sample("jobrunner_workers_busy"), [" 1"]);
  assert.deepEqual(await sample("jobrunner_build_info"), [
    '{version="1.2.3",deno_version="2.9.6"} 1',
  ]);
  assert.deepEqual(await sample("process_cpu_seconds_total"), [" 1.5"]);
});

Deno.test("the process metrics leave out what the machine cannot provide", async () => {
  const { sample } = expose({
    process: () => ({ cpuSec: 1, residentBytes: 1, startTimeSec: 1, processesEnded: 0 }),
  });
  assert.deepEqual(await sample("process_open_fds "), []);
  assert.deepEqual(await sample("process_resident_memory_bytes "), ["1"]);
});

Deno.test("job metrics count by worker and outcome, and measure only jobs that ran", async () => {
  const { metrics, sample } = expose();
  const jobs = metrics.of(undefined);
  jobs.jobStarted({ queuedSec: 0.02, payloadBytes: 100 });
  const run = { elapsedSec: 0.3, resultBytes: 5000, truncated: ["stdout", "data"] as const };
  jobs.jobEnded(2, "failed", run);
  jobs.jobEnded(2, "failed", run);
  jobs.jobEnded(1, "not_started");
  assert.ok((await sample("jobrunner_jobs_total")).includes('{worker_id="2",outcome="failed"} 2'));
  assert.ok(
    (await sample("jobrunner_jobs_total")).includes('{worker_id="1",outcome="not_started"} 1'),
  );
  assert.deepEqual(await sample("jobrunner_job_duration_seconds_count"), [" 2"]);
  assert.deepEqual(await sample('jobrunner_job_duration_seconds_bucket{le="0.25"}'), [" 0"]);
  assert.deepEqual(await sample('jobrunner_job_duration_seconds_bucket{le="0.5"}'), [" 2"]);
  assert.deepEqual(await sample("jobrunner_job_queue_wait_seconds_sum"), [" 0.02"]);
  assert.deepEqual(await sample('jobrunner_job_payload_bytes_bucket{le="64"}'), [" 0"]);
  assert.deepEqual(await sample('jobrunner_job_payload_bytes_bucket{le="256"}'), [" 1"]);
  assert.deepEqual(await sample("jobrunner_job_result_bytes_sum"), [" 10000"]);
  assert.ok(
    (await sample("jobrunner_outputs_truncated_total")).includes('{output="stdout"} 2'),
  );
  assert.deepEqual(metrics.outcomes(), {
    success: 0,
    failed: 2,
    timed_out: 0,
    canceled: 0,
    not_started: 1,
    shutdown: 0,
  });
});

Deno.test("HTTP metrics count a request as active until answered; clients cannot create label values", async () => {
  const { metrics, sample } = expose();
  const gauge = 'http_server_active_requests{http_request_method="POST",url_scheme="http"}';
  metrics.requestArrived("POST");
  for (const method of ["BREW", "PROPFIND"]) {
    metrics.requestArrived(method);
    metrics.requestAnswered(method, undefined, 404, 0.25);
  }
  metrics.rejected("queue_full", undefined);
  assert.deepEqual(await sample(gauge), [" 1"]);
  metrics.requestAnswered("POST", "/payload", 503, 0.5);
  assert.deepEqual(await sample(gauge), [" 0"]);
  const other = 'http_request_method="_OTHER",url_scheme="http"';
  assert.deepEqual(await sample(`http_server_request_duration_seconds_count{${other}`), [
    ',http_response_status_code="404"} 2',
  ]);
  assert.deepEqual(await sample(`http_server_request_duration_seconds_sum{${other}`), [
    ',http_response_status_code="404"} 0.5',
  ]);
  assert.deepEqual(
    (await sample("http_server_request_duration_seconds_count")).filter((line) =>
      line.endsWith(" 1")
    ),
    [
      '{http_request_method="POST",url_scheme="http",http_route="/payload",http_response_status_code="503"} 1',
    ],
  );
  assert.equal(metrics.rejections().queue_full, 1);
});

Deno.test("/metrics says whether the configuration file was valid, and nothing of it without one", async () => {
  const name = "jobrunner_config_last_reload_successful";
  for (const configReloaded of [true, false]) {
    const { sample } = expose({ process: () => ({ ...someProcess, configReloaded }) });
    assert.deepEqual(await sample(`${name} `), [configReloaded ? "1" : "0"]);
  }
  const { exposition } = expose();
  assert.ok(!(await exposition.text()).includes(name));
});
