/**
 * What the real program reports about itself: each number matches what happened.
 */

import assert from "node:assert/strict";
import { get, post, postRaw, scrape, statusOf } from "../support/client.ts";
import { temporaryFolder } from "../support/folder.ts";
import { eventually } from "../support/processes.ts";
import { fixture, startProgram } from "../support/program.ts";

const shell = { JOBRUNNER_CMD: fixture("run_payload.sh"), JOBRUNNER_NUM_WORKERS: "1" };

Deno.test("/metrics and /status count each outcome", async () => {
  await using program = await startProgram({
    env: { ...shell, JOBRUNNER_KILL_GRACE_SEC: "0.2", JOBRUNNER_MAX_OUTPUT_BYTES: "1000" },
  });
  const { url } = program;
  await post(url, "exit 0");
  await post(url, "exit 3");
  await post(url, "kill -9 $$");
  await post(url, "head -c 2000 /dev/zero; head -c 500 /dev/zero >&2");
  const slow = JSON.stringify({ id: "slow", data: btoa("sleep 1000"), timeout_sec: 0.1 });
  assert.equal((await postRaw(url, slow)).json["exit_status"], 124);
  const leaver = new AbortController();
  const left = post(url, "sleep 1000", { signal: leaver.signal }).catch((error) => error.name);
  await eventually("it runs", async () => (await statusOf(url)).busy === 1);
  leaver.abort();
  assert.equal(await left, "AbortError");
  await eventually("it was ended", async () => (await statusOf(url)).busy === 0);

  const samples = await scrape(url);
  const outcomes = {
    success: 2,
    failed: 2,
    timed_out: 1,
    canceled: 1,
    not_started: 0,
    shutdown: 0,
  };
  for (const [outcome, count] of Object.entries(outcomes)) {
    assert.equal(samples.get(`jobrunner_jobs_total{worker_id="1",outcome="${outcome}"}`), count);
  }
  const { outcomes: told, total_jobs, recent } = await statusOf(url);
  assert.deepEqual(told, outcomes);
  assert.equal(total_jobs, 6);
  assert.equal(samples.get("jobrunner_job_duration_seconds_count"), 6);
  assert.equal(samples.get("jobrunner_job_queue_wait_seconds_count"), 6);
  assert.equal(samples.get("jobrunner_job_payload_bytes_count"), 6);
  assert.equal(samples.get('jobrunner_job_result_bytes_bucket{le="1024"}'), 5);
  assert.equal(samples.get('jobrunner_job_result_bytes_bucket{le="4096"}'), 6);
  assert.equal(samples.get('jobrunner_outputs_truncated_total{output="stdout"}'), 1);
  assert.equal(samples.get('jobrunner_outputs_truncated_total{output="stderr"}'), 0);
  assert.ok((samples.get("jobrunner_processes_ended_total") ?? 0) >= 2);
  assert.equal(recent.window_sec, 300);
  assert.equal(recent.elapsed_sec.count, 6);
  const { p50, p95 } = recent.elapsed_sec;
  assert.ok(p50 !== null && p95 !== null && p50 <= p95 && p95 >= 0.1, `${p50} ${p95}`);
});

Deno.test("/metrics and /status count requests that never ran by reason", async () => {
  await using program = await startProgram({
    env: {
      ...shell,
      JOBRUNNER_QUEUE_LIMIT: "1",
      JOBRUNNER_QUEUE_TIMEOUT_SEC: "0.2",
      JOBRUNNER_PASSWORD: "p",
      JOBRUNNER_MAX_REQUEST_BYTES: "10000",
    },
  });
  const { url } = program;
  const headers = { "x-jr-password": "p" };
  using folder = temporaryFolder();
  const running = post(url, `until [ -e ${folder.path}/release ]; do sleep 0.01; done`, {
    headers,
  });
  await eventually("it runs", async () => (await statusOf(url)).busy === 1);
  const waiting = post(url, "exit 0", { headers });
  await eventually("it waits", async () => (await statusOf(url)).queued_jobs === 1);
  assert.equal((await post(url, "exit 0", { headers })).status, 503);
  const samples = await scrape(url);
  assert.equal(samples.get("jobrunner_queued_jobs"), 1);
  assert.equal(samples.get("jobrunner_queue_limit"), 1);
  assert.equal(samples.get("jobrunner_workers"), 1);
  assert.equal(samples.get("jobrunner_workers_busy"), 1);
  assert.ok((samples.get("jobrunner_queue_oldest_wait_seconds") ?? 0) > 0);
  assert.equal((await get(`${url}/readyz`)).text, "ready, saturated: 1 of 1 places are taken\n");
  assert.equal((await waiting).status, 503);
  assert.equal((await post(url, "exit 0")).status, 401);
  const page = { headers: { ...headers, origin: "http://evil.example" } };
  assert.equal((await post(url, "exit 0", page)).status, 403);
  assert.equal((await postRaw(url, "{", { headers })).status, 400);
  assert.equal((await postRaw(url, "x".repeat(10_001), { headers })).status, 413);
  Deno.writeTextFileSync(`${folder.path}/release`, "");
  await running;
  const { rejections } = await statusOf(url);
  const expected = {
    queue_full: 1,
    client_limit: 0,
    uploads_full: 0,
    spool_full: 0,
    disk_full: 0,
    too_many_listeners: 0,
    queue_timeout: 1,
    queue_unavailable: 0,
    buffers_full: 0,
    canceled: 0,
    draining: 0,
    unauthorized: 1,
    forbidden: 0,
    cross_site: 1,
    unknown_host: 0,
    too_large: 1,
    invalid: 1,
    timeout: 0,
  };
  assert.deepEqual(rejections, expected);
  const after = await scrape(url);
  for (const [reason, count] of Object.entries(expected)) {
    assert.equal(after.get(`jobrunner_requests_rejected_total{reason="${reason}"}`), count);
  }
  const answers = 'http_server_request_duration_seconds_count{http_request_method="POST",' +
    'url_scheme="http",http_route="/payload",http_response_status_code=';
  await eventually("every answer is counted", async () => {
    const now = await scrape(url);
    return now.get(`${answers}"200"}`) === 1 && now.get(`${answers}"503"}`) === 2 &&
      now.get(`${answers}"401"}`) === 1 && now.get(`${answers}"400"}`) === 1 &&
      now.get(`${answers}"413"}`) === 1;
  });
});

Deno.test("/metrics is right while 500 requests wait", async () => {
  await using program = await startProgram({ env: { ...shell, JOBRUNNER_QUEUE_LIMIT: "500" } });
  const { url } = program;
  using folder = temporaryFolder();
  const script = `until [ -e ${folder.path}/release ]; do sleep 0.01; done`;
  const jobs = Array.from({ length: 501 }, (_, index) => post(url, script, { id: String(index) }));
  await eventually("they wait", async () => (await statusOf(url)).queued_jobs === 500);
  const samples = await scrape(url);
  assert.equal(samples.get("jobrunner_queued_jobs"), 500);
  const active = 'http_server_active_requests{http_request_method="POST",url_scheme="http"}';
  assert.equal(samples.get(active), 501);
  Deno.writeTextFileSync(`${folder.path}/release`, "");
  const statuses = new Set((await Promise.all(jobs)).map((answer) => answer.status));
  assert.deepEqual([...statuses], [200]);
});

Deno.test("/metrics has the figures of the real process, with the sandbox on and off", async () => {
  for (const sandbox of ["on", "off"]) {
    await using program = await startProgram({ env: { ...shell, JOBRUNNER_SANDBOX: sandbox } });
    const samples = await scrape(program.url);
    const procStatus = Deno.readTextFileSync(`/proc/${program.pid}/status`);
    const resident = Number(/VmRSS:\s+(\d+)/.exec(procStatus)?.[1]) * 1024;
    const told = samples.get("process_resident_memory_bytes") ?? 0;
    assert.ok(Math.abs(told - resident) < resident / 4, `${told} of ${resident}`);
    const openFds = [...Deno.readDirSync(`/proc/${program.pid}/fd`)].length;
    assert.ok(Math.abs((samples.get("process_open_fds") ?? 0) - openFds) < 10);
    assert.ok((samples.get("process_max_fds") ?? 0) >= 1024);
    assert.ok((samples.get("process_threads") ?? 0) >= 2);
    assert.ok((samples.get("process_cpu_seconds_total") ?? 0) > 0);
    const age = Date.now() / 1000 - (samples.get("process_start_time_seconds") ?? 0);
    assert.ok(age > 0 && age < 600, String(age));
  }
});

Deno.test("the log line of a job names its request and process, and so does /status while it runs", async () => {
  await using program = await startProgram({ env: { ...shell, JOBRUNNER_ACCESS_LOG: "on" } });
  const { url } = program;
  using folder = temporaryFolder();
  const running = post(
    url,
    `echo $$; until [ -e ${folder.path}/release ]; do sleep 0.01; done`,
    { id: "job 1", headers: { "x-request-id": "r1" } },
  );
  await eventually("it runs", async () => (await statusOf(url)).busy === 1);
  const [worker] = (await statusOf(url)).worker_states;
  Deno.writeTextFileSync(`${folder.path}/release`, "");
  const pid = (await running).output.trim();
  assert.equal(String(worker?.pid), pid);
  assert.equal(worker?.request_id, "r1");
  const line = await program.line("job ended");
  assert.match(
    line,
    new RegExp(
      `INFO job ended request_id=r1 id="job 1" worker_id=1 outcome=success exit_status=0 process.pid=${pid} ` +
        "queued_sec=[\\d.]+ elapsed_sec=[\\d.]+ payload_bytes=\\d+ output_bytes=\\d+ error_bytes=0 data_bytes=0$",
    ),
  );
  assert.match(
    await program.line("request answered request_id=r1"),
    / http\.request\.method=POST url\.path=\/payload client\.address=127\.0\.0\.1 http\.response\.status_code=200 duration_sec=[\d.]+$/,
  );
});

Deno.test("the log in JSON can neither be forged by a client nor hold a secret", async () => {
  await using program = await startProgram({
    env: {
      ...shell,
      JOBRUNNER_LOG_FORMAT: "json",
      JOBRUNNER_LOG_LEVEL: "debug",
      JOBRUNNER_ACCESS_LOG: "on",
      JOBRUNNER_PASSWORD: "hunter2",
    },
  });
  const { url } = program;
  const forged = '{"severity_text":"ERROR","body":"forged"}';
  await post(url, "echo s3cret", {
    id: `x\n${forged}\u2028\u202e`,
    headers: {
      "x-jr-password": "hunter2",
      "x-request-id": forged,
      traceparent: "s3cret",
      tracestate: "s3cret=1",
      "user-agent": "s3cret",
    },
  });
  await post(url, "s3cret", { headers: { "x-jr-password": "hunter3" } });
  await get(`${url}/%0a${encodeURIComponent(forged)}?s3cret`);
  await program.stop();
  const records = program.log.map((line) => JSON.parse(line));
  assert.doesNotMatch(program.log.join("\n"), /s3cret|hunter/);
  assert.ok(records.every(({ severity_text }) => /^(DEBUG|INFO)$/.test(severity_text)));
  assert.ok(records.every(({ body }) => body !== "forged"));
  const started = records.find(({ body }) => body === "job started");
  assert.equal(started.severity_text, "DEBUG");
  assert.equal(started.attributes["jobrunner.id"], `x\n${forged}\u2028\u202e`);
});

Deno.test("a client that disconnects while it sends counts as canceled; a long method is cut in the log", async () => {
  await using program = await startProgram({ env: shell });
  const { hostname, port } = new URL(program.url);
  const connection = await Deno.connect({ hostname, port: Number(port) });
  const head = `POST /payload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf`;
  await connection.write(new TextEncoder().encode(head));
  await eventually(
    "it is being read",
    async () => (await statusOf(program.url)).buffered_bytes === "half".length,
  );
  connection.close();
  await program.line("reason=client_gone");
  assert.equal((await statusOf(program.url)).rejections.canceled, 1);
  const other = await Deno.connect({ hostname, port: Number(port) });
  await other.write(
    new TextEncoder().encode(`${"A".repeat(5000)} /x HTTP/1.1\r\nHost: localhost\r\n\r\n`),
  );
  const line = await program.line("http.request.method=AAAA");
  other.close();
  assert.ok(line.length < 400, line);
});
