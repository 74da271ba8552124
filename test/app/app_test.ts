import assert from "node:assert/strict";
import { base64, scrape, statusOf } from "../support/client.ts";
import { heldBy, read, start } from "../support/app.ts";
import { temporaryFolder } from "../support/folder.ts";

Deno.test("startApp() answers a job with its result, counts and logs it, and leaves no files", async () => {
  await using started = await start();
  const [status, result] = await read(started.post("echo out; exit 3"));
  assert.equal(status, 200);
  assert.equal(result["exit_status"], 3);
  assert.equal(result["output"], base64("out\n"));
  assert.deepEqual(started.lines.map(([message]) => message), ["job started", "job ended"]);
  assert.equal(started.lines[1]?.[1]?.["outcome"], "failed");
  const state = await statusOf(started.app.url);
  assert.equal(state.total_jobs, 1);
  assert.equal(state.outcomes.failed, 1);
  const metrics = await (await fetch(`${started.app.url}/metrics`)).text();
  assert.match(metrics, /^process_resident_memory_bytes.* 7$/m);
  assert.ok(state.uptime_sec > 0);
  assert.deepEqual(started.files(), []);
});

Deno.test("POST /payload with a traceparent puts the command and its log lines into the request's trace", async () => {
  await using started = await start();
  const [traceId, spanId] = ["0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"];
  const traceparent = `00-${traceId}-${spanId}-01`;
  const answer = await fetch(`${started.app.url}/payload`, {
    method: "POST",
    headers: { traceparent, tracestate: "a=1" },
    body: JSON.stringify({ id: "a", data: base64("echo $TRACEPARENT $TRACESTATE") }),
  });
  assert.equal((await answer.json()).output, base64(`${traceparent} a=1\n`));
  for (const [, fields] of started.lines) {
    assert.deepEqual([fields?.["trace_id"], fields?.["span_id"]], [traceId, spanId]);
  }
});

Deno.test("drain() of an app finishes the admitted jobs, closes the socket, then flushes the log", async () => {
  using folder = temporaryFolder();
  const atFlush: string[] = [];
  await using started = await start({}, {}, {
    async flush() {
      const answer = fetch(started.app.url);
      atFlush.push(await answer.then(() => "listens", () => "silent"));
    },
  });
  using held = heldBy(folder.path);
  const { script, release } = held;
  const { app, post, logged, files } = started;
  const first = read(post(script));
  await logged("job started");
  let over = false;
  const drained = app.drain().finally(() => over = true);
  const [status, refusal] = await read(post("echo too late"));
  assert.equal(status, 503);
  assert.match(String(refusal["text"]), /^The server is stopping/);
  const ready = await fetch(`${app.url}/readyz`);
  await ready.body?.cancel();
  assert.equal(ready.status, 503);
  assert.equal(over, false);
  release();
  assert.equal((await first)[1]["output"], base64("released\n"));
  assert.equal(await drained, 0, "no answer was given up");
  assert.equal(app.drain(), app.drain(), "idempotent");
  assert.deepEqual(atFlush, ["silent"]);
  assert.deepEqual(files(), []);
});

Deno.test("GET /status reports the output of a running command as buffered captures", async () => {
  using folder = temporaryFolder();
  await using started = await start();
  using held = heldBy(folder.path);
  const { script, release } = held;
  const { app, post, logged } = started;
  const answer = read(post(`printf four; ${script}`));
  await logged("job started");
  while ((await statusOf(app.url)).buffered.captures !== 4);
  release();
  assert.equal((await answer)[1]["output"], base64("fourreleased\n"));
});

Deno.test("cut() of an app kills the running jobs, refuses the waiting ones and lets drain() finish", async () => {
  await using started = await start();
  const { app, post, logged } = started;
  const first = read(post("exec sleep 600"));
  await logged("job started");
  const second = read(post("echo second"));
  while ((await statusOf(app.url)).queued_jobs !== 1);
  const drained = app.drain();
  assert.deepEqual(app.cut(), { running: 1, waiting: 1 });
  assert.equal((await first)[1]["ending"], "shutdown");
  assert.equal((await second)[0], 503);
  assert.equal(await drained, 0);
});

for (const [policy, outcome] of [["cancel", "canceled"], ["finish", "success"]] as const) {
  Deno.test(`JOBRUNNER_ON_DISCONNECT=${policy} ends a disconnected client's running job as ${outcome}`, async () => {
    using folder = temporaryFolder();
    const gone = new AbortController();
    await using started = await start({ JOBRUNNER_ON_DISCONNECT: policy }, {
      find_gone: (clients) => clients.map(() => gone.signal.aborted),
    });
    using held = heldBy(folder.path);
    const { script, release } = held;
    const { post, logged, lines } = started;
    const answer = post(script, gone.signal).catch((error) => (error as Error).name);
    await logged("job started");
    gone.abort();
    assert.equal(await answer, "AbortError");
    if (policy === "finish") release();
    await logged("job ended");
    assert.equal(lines.find(([message]) => message === "job ended")?.[1]?.["outcome"], outcome);
  });
}

Deno.test("POST /payload drops a waiting job when its client disconnects", async () => {
  using folder = temporaryFolder();
  await using started = await start();
  using held = heldBy(folder.path);
  const { script, release } = held;
  const { app, post, logged, lines } = started;
  const first = read(post(script));
  await logged("job started");
  const { hostname, port } = new URL(app.url);
  const connection = await Deno.connect({ hostname, port: Number(port) });
  const body = JSON.stringify({ id: "a", data: base64("echo never") });
  // In one piece: otherwise newer runtimes do not notice the client's disconnect themselves.
  await connection.write(new TextEncoder().encode(
    `POST /payload HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  ));
  while ((await statusOf(app.url)).queued_jobs !== 1);
  connection.close();
  await logged("request refused");
  assert.equal(lines.at(-1)?.[1]?.["reason"], "client_gone");
  assert.equal((await statusOf(app.url)).queued_jobs, 0);
  release();
  assert.equal((await first)[0], 200);
});

Deno.test("POST /payload answers 500 and logs the bug when a run throws, and the worker carries on", async () => {
  await using started = await start({ JOBRUNNER_JOB_TIMEOUT_SEC: "0.05" }, {
    end_tree({ pid }) {
      Deno.kill(pid, "SIGKILL");
      throw new Error("no host");
    },
  });
  const { app, post, lines, files } = started;
  const [status, { text }] = await read(post("exec sleep 600"));
  assert.equal(status, 500);
  assert.equal((await statusOf(app.url)).outcomes.not_started, 1);
  assert.ok(!String(text).includes("no host"));
  const bug = lines.find(([message]) => message === "uncaught error in a worker");
  assert.match(String(bug?.[1]?.["exception.stacktrace"]), /no host/);
  assert.equal(bug?.[1]?.["request_id"], lines[0]?.[1]?.["request_id"]);
  assert.equal((await read(post("echo next")))[1]["output"], base64("next\n"));
  assert.deepEqual(files(), []);
});

Deno.test("startApp() releases what it took when it cannot listen, and flushes the log", async () => {
  await using taken = await start();
  const { port } = new URL(taken.app.url);
  let flushed = 0;
  await assert.rejects(
    start({ JOBRUNNER_HTTP_LISTEN_PORT: port }, {}, {
      flush: () => Promise.resolve(void flushed++),
    }),
    (error: Error) => {
      assert.equal(error.name, "StartError");
      assert.match(error.message, /^cannot listen on 127\.0\.0\.1:\d+: /);
      return true;
    },
  );
  assert.equal(flushed, 1);
  assert.equal((await read(taken.post("echo still here")))[1]["exit_status"], 0);
});

Deno.test("startApp() works on each request inside the host's during()", async () => {
  const marked = new Set<string>();
  await using started = await start({}, {}, {
    during(requestId, work) {
      marked.add(requestId);
      return work();
    },
  });
  const answer = await started.post("echo");
  await answer.body?.cancel();
  assert.ok(marked.has(answer.headers.get("x-request-id") ?? ""));
});

Deno.test("reportBug() of an app logs the bug with its stack", async () => {
  await using started = await start();
  started.app.reportBug(new Error("oh"));
  const [message, fields] = started.lines[0] ?? [];
  assert.equal(message, "uncaught error in the service");
  assert.match(String(fields?.["exception.stacktrace"]), /oh/);
});

Deno.test("GET /metrics reports what runs, what waits and what is buffered", async () => {
  using folder = temporaryFolder();
  await using started = await start();
  using held = heldBy(folder.path);
  const { script, release } = held;
  const { app, post, logged } = started;
  const first = read(post(script));
  await logged("job started");
  const second = read(post("echo second"));
  while ((await statusOf(app.url)).queued_jobs !== 1);
  const metrics = await scrape(app.url);
  assert.equal(metrics.get("jobrunner_workers_busy"), 1);
  assert.equal(metrics.get("jobrunner_queued_jobs"), 1);
  assert.ok((metrics.get("jobrunner_queue_oldest_wait_seconds") ?? 0) > 0);
  assert.equal(metrics.get('jobrunner_buffered_bytes{share="bodies"}'), "echo second".length);
  release();
  await Promise.all([first, second]);
});

Deno.test("GET /metrics does not wait forever for the host's measurements", async () => {
  await using started = await start({}, { measure: () => new Promise(() => {}) });
  const metrics = await scrape(started.app.url);
  assert.equal(metrics.get("jobrunner_workers"), 1);
  assert.equal(metrics.get("process_resident_memory_bytes"), undefined);
});
