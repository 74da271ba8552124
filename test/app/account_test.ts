import assert from "node:assert/strict";
import { type Listeners, reportBug, runAndReport } from "../../src/app/account.ts";
import type { RunSettings } from "../../src/exec/run.ts";
import type { RunEnd, RunListener } from "../../src/exec/runner.ts";
import type { JobHandle, JobSpec, Names } from "../../src/jobs/job.ts";
import type { RunningJob } from "../../src/jobs/pool.ts";
import { createStop } from "../../src/jobs/stop.ts";
import type { Fields } from "../../src/telemetry/log.ts";
import { createDisk } from "../../src/spool/disk.ts";
import { specOf } from "../support/jobs.ts";
import { openFilesIn } from "../support/open_files.ts";
import { type StubOrder, type StubRun, stubRunner } from "../support/stub_runner.ts";
import { temporarySpool } from "../support/spool.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);
const notHere = () => assert.fail("not called for a run");

const exited: RunEnd = {
  ok: true,
  ending: { kind: "exited", exitStatus: 3 },
  elapsedSec: 1.25,
  pid: 42,
};

/** A command that writes `out` and `error!`, and `data` into its response file. */
function says(order: StubOrder, onEvent: RunListener): Promise<RunEnd> {
  onEvent({ kind: "started", pid: 42 });
  onEvent({ kind: "stdout", bytes: bytesOf("out") });
  onEvent({ kind: "stderr", bytes: bytesOf("error!") });
  Deno.writeFileSync(order.files.responseFile, bytesOf("data"));
  return Promise.resolve(exited);
}

/** Runs one job and collects all that is reported of it, by where it is reported. */
async function told(
  run: StubRun,
  spec: JobSpec = specOf("a"),
  more: Partial<RunSettings> = {},
  names: Names | undefined = undefined,
  handle: Partial<JobHandle> = {},
  differences: Partial<RunningJob> = {},
) {
  using temporary = temporarySpool();
  const metrics: unknown[] = [];
  const spans: unknown[] = [];
  const lines: [string, Fields | undefined][] = [];
  const recent = { queuedSec: [] as number[], elapsedSec: [] as number[] };
  let captured = 0;
  const valuesIn = (values: number[]) => ({
    add: (value: number) => void values.push(value),
    summary: notHere,
  });
  const listeners: Listeners = {
    log: {
      write: (message, fields) => void lines.push([message, fields]),
      flush: notHere,
    },
    metrics: {
      announce: notHere,
      of(of) {
        assert.equal(of, names);
        return {
          jobStarted: (job) => void metrics.push(job),
          jobEnded: (...ended) => void metrics.push(ended),
          waited: notHere,
        };
      },
      rejected: notHere,
      warmOf(of) {
        assert.equal(of, names);
        return {
          started: notHere,
          ended: notHere,
          dropped: notHere,
          jobEnded: (isWarm) => void metrics.push(isWarm ? "warm" : "cold"),
        };
      },
      requestArrived: notHere,
      requestAnswered: notHere,
      outcomes: notHere,
      rejections: notHere,
    },
    tracing: {
      begin: notHere,
      beginRun(...begun) {
        spans.push(begun);
        return { variables: { TRACED: "yes" }, end: (ended) => void spans.push(ended) };
      },
      waited: notHere,
      close: notHere,
    },
    recent: { queuedSec: valuesIn(recent.queuedSec), elapsedSec: valuesIn(recent.elapsedSec) },
  };
  const job: RunningJob = {
    spec,
    handle: { onInputStored() {}, onCaptured: (bytes) => void (captured += bytes), ...handle },
    queuedSec: 0.5,
    stop: createStop(),
    ...differences,
  };
  const orders: StubOrder[] = [];
  const outcome = await runAndReport(
    job,
    2,
    {
      spool: temporary.spool,
      runner: stubRunner(temporary.spool, (order, onEvent) => {
        orders.push(order);
        return run(order, onEvent);
      }),
      maxOutputBytes: 100,
      maxResultBytes: Infinity,
      onLeftover: notHere,
      ...more,
    },
    listeners,
    { names, program: "/bin/date" },
  ).catch((error: unknown) => ({ kind: "threw" as const, error }));
  const openFiles = openFilesIn(temporary.spool.path);
  return { openFiles, outcome, job, orders, captured, metrics, spans, lines, recent };
}

const nothing = { bytes: new Uint8Array(), truncated: false };
const traceId = "0af7651916cd43dd8448eb211c80319c";
const traceparent = `00-${traceId}-b7ad6b7169203331-01`;

Deno.test("runAndReport() returns the result and reports the run to metrics, both quantiles and the log", async () => {
  const { outcome, job, orders, captured, metrics, spans, lines, recent } = await told(says);
  assert.deepEqual(outcome, {
    kind: "ran",
    result: {
      id: "a",
      workerId: 2,
      queuedSec: 0.5,
      ending: { kind: "exited", exitStatus: 3 },
      elapsedSec: 1.25,
      output: { bytes: bytesOf("out"), truncated: false },
      error: { bytes: bytesOf("error!"), truncated: false },
      data: { bytes: bytesOf("data"), truncated: false },
      pid: 42,
      warm: undefined,
      processJobs: undefined,
      message: undefined,
      names: undefined,
    },
  });
  assert.equal(captured, "outerror!data".length);
  assert.equal(job.pid, 42);
  assert.deepEqual(orders[0]?.variables, {});
  assert.deepEqual(spans, [], "its request belongs to no trace");
  assert.deepEqual(metrics, [
    { queuedSec: 0.5, payloadBytes: 1 },
    [2, "failed", { elapsedSec: 1.25, resultBytes: 13, truncated: [] }],
  ]);
  assert.deepEqual(recent, { queuedSec: [0.5], elapsedSec: [1.25] });
  const ids = { request_id: "request-of-a", trace_id: undefined, span_id: undefined };
  const names = { command: undefined, pool: undefined, token: undefined, front: undefined };
  const about = { ...ids, id: "a", worker_id: 2, ...names, "process.pid": 42, payload_bytes: 1 };
  assert.deepEqual(lines, [
    ["job started", about],
    ["job ended", {
      ...about,
      outcome: "failed",
      exit_status: 3,
      signal: undefined,
      queued_sec: 0.5,
      elapsed_sec: 1.25,
      output_bytes: 3,
      error_bytes: 6,
      data_bytes: 4,
      truncated: undefined,
      warm: undefined,
      "process.jobs": undefined,
      note: undefined,
    }],
  ]);
});

Deno.test("runAndReport() logs the end of a job with its fields in this order", async () => {
  const { lines } = await told(says);
  assert.deepEqual(Object.keys(lines[1]?.[1] ?? {}), [
    "request_id",
    "trace_id",
    "span_id",
    "id",
    "worker_id",
    "command",
    "pool",
    "token",
    "front",
    "outcome",
    "exit_status",
    "signal",
    "process.pid",
    "queued_sec",
    "elapsed_sec",
    "payload_bytes",
    "output_bytes",
    "error_bytes",
    "data_bytes",
    "truncated",
    "warm",
    "process.jobs",
    "note",
  ]);
});

Deno.test("runAndReport() logs the name of the token that the job was sent with", async () => {
  const { lines } = await told(says, specOf("a", { token: "ci" }));
  assert.deepEqual(lines.map(([message, fields]) => [message, fields?.["token"]]), [
    ["job started", "ci"],
    ["job ended", "ci"],
  ]);
});

const remote = { remote: true, from: "a", queuedSec: 0 } as const;

Deno.test("runAndReport() does not report how long a job of another machine waited", async () => {
  const spec = specOf("a", { traceparent });
  const { outcome, metrics, recent, spans, lines } = await told(
    says,
    spec,
    {},
    undefined,
    {},
    remote,
  );
  assert.equal(outcome.kind, "ran");
  assert.deepEqual(metrics[0], { queuedSec: undefined, payloadBytes: 1 });
  assert.deepEqual(recent, { queuedSec: [], elapsedSec: [1.25] });
  assert.deepEqual(spans[0], [{ traceparent }, {
    workerId: 2,
    names: undefined,
    program: "/bin/date",
    queuedSec: undefined,
  }]);
  assert.equal(lines[1]?.[1]?.["queued_sec"], undefined);
});

Deno.test("runAndReport() and reportBug() log the name of the machine that a job came from", async () => {
  const failure = { kind: "spawn_refused", reason: "no memory" } as const;
  const ends: readonly StubRun[] = [says, () => Promise.resolve({ ok: false, failure })];
  const fronts: unknown[] = [];
  for (const end of ends) {
    const { lines } = await told(end, specOf("a"), {}, undefined, {}, remote);
    for (const [message, fields] of lines) fronts.push([message, fields?.["front"]]);
  }
  const log: Listeners["log"] = {
    write: (message, fields) => void fronts.push([message, fields?.["front"]]),
    flush: notHere,
  };
  const job = { spec: specOf("a"), handle: undefined, stop: createStop(), ...remote };
  reportBug(new Error("oh"), job, log, undefined);
  assert.deepEqual(fronts, [
    ["job started", "a"],
    ["job ended", "a"],
    ["job could not be run", "a"],
    ["uncaught error in a worker", "a"],
  ]);
});

Deno.test("runAndReport() begins a span for a traced request, passes its variables on and ends it", async () => {
  const spec = specOf("a", { traceparent, tracestate: "a=1" });
  const { orders, spans, lines } = await told(says, spec);
  assert.deepEqual(orders[0]?.variables, { TRACED: "yes" });
  assert.deepEqual(spans, [
    [{ traceparent, tracestate: "a=1" }, {
      workerId: 2,
      names: undefined,
      program: "/bin/date",
      queuedSec: 0.5,
    }],
    { outcome: "failed", exitStatus: 3, pid: 42 },
  ]);
  for (const [, fields] of lines) assert.equal(fields?.["trace_id"], traceId);
});

Deno.test("runAndReport() reports of a warm command whether its process was there before the job", async () => {
  const names = { command: "thumbs", pool: "office" };
  for (const warm of [true, false]) {
    const end: RunEnd = { ...exited, warm, processJobs: 7 };
    const { outcome, metrics, lines } = await told(
      (order, onEvent) => says(order, onEvent).then(() => end),
      specOf("a"),
      {},
      names,
    );
    assert.ok(outcome.kind === "ran");
    assert.deepEqual([outcome.result.warm, outcome.result.processJobs], [warm, 7]);
    assert.equal(metrics.at(-1), warm ? "warm" : "cold");
    const fields = lines[1]?.[1];
    assert.deepEqual([fields?.["warm"], fields?.["process.jobs"]], [warm, 7]);
  }
});

Deno.test("runAndReport() names the truncated outputs and the signal that killed the command", async () => {
  const killed: RunEnd = {
    ...exited,
    ending: { kind: "signaled", signal: "SIGKILL", exitStatus: 137 },
  };
  const { metrics, lines } = await told(
    (order, onEvent) => says(order, onEvent).then(() => killed),
    specOf("a"),
    { maxOutputBytes: 3 },
  );
  assert.deepEqual(metrics[1], [2, "failed", {
    elapsedSec: 1.25,
    resultBytes: 9,
    truncated: ["stderr", "data"],
  }]);
  assert.equal(lines[1]?.[1]?.["truncated"], "stderr,data");
  assert.equal(lines[1]?.[1]?.["signal"], "SIGKILL");
});

Deno.test("runAndReport() puts the reason why a command did not start into the result's error and the log", async () => {
  const reason = "cannot run x: not found";
  const { outcome, metrics, lines } = await told(() =>
    Promise.resolve({
      ok: true,
      ending: { kind: "not_started", exitStatus: 127, reason },
      elapsedSec: 0.25,
    })
  );
  assert.ok(outcome.kind === "ran");
  assert.deepEqual(outcome.result.error, { ...nothing, bytes: bytesOf(`jobrunner: ${reason}\n`) });
  assert.equal((metrics[1] as unknown[])[1], "not_started");
  assert.equal(lines[0]?.[1]?.["note"], reason);
});

Deno.test("runAndReport() counts and logs a run that could not be attempted, and ends its span", async () => {
  const failure = { kind: "spawn_refused", reason: "no memory" } as const;
  const { outcome, metrics, spans, lines, recent } = await told(
    () => Promise.resolve({ ok: false, failure }),
    specOf("a", { traceparent }),
  );
  assert.deepEqual(outcome, { kind: "failed", failure });
  assert.deepEqual(metrics.slice(1), [[2, "not_started"]]);
  assert.deepEqual(spans.slice(1), [{ outcome: "not_started", reason: "no memory" }]);
  assert.deepEqual(recent.elapsedSec, []);
  assert.deepEqual(lines.map(([message]) => message), ["job could not be run"]);
  assert.equal(lines[0]?.[1]?.["reason"], "no memory");
});

Deno.test("runAndReport() counts a run with a bug, ends its span and rethrows the bug", async () => {
  const bug = new Error("oh");
  const { outcome, metrics, spans } = await told(
    () => Promise.reject(bug),
    specOf("a", { traceparent }),
  );
  assert.deepEqual(outcome, { kind: "threw", error: bug });
  assert.deepEqual(metrics.slice(1), [[2, "not_started"]]);
  assert.deepEqual(spans.slice(1), [{ outcome: "not_started", reason: "a bug" }]);
});

Deno.test("runAndReport() with names puts them into metrics, span, result and every log line", async () => {
  const names = { command: "thumbs", pool: "office" };
  const spec = specOf("a", { traceparent });
  const { outcome, metrics, spans, lines } = await told(says, spec, {}, names);
  assert.ok(outcome.kind === "ran");
  assert.deepEqual(outcome.result.names, names);
  assert.equal(metrics.length, 2);
  assert.deepEqual(spans[0], [{ traceparent }, {
    workerId: 2,
    names,
    program: "/bin/date",
    queuedSec: 0.5,
  }]);
  const failure = { kind: "spawn_refused", reason: "no memory" } as const;
  const failed = await told(() => Promise.resolve({ ok: false, failure }), spec, {}, names);
  const all = [...lines, ...failed.lines];
  assert.deepEqual(all.map(([message]) => message), [
    "job started",
    "job ended",
    "job could not be run",
  ]);
  for (const [, fields] of all) {
    assert.deepEqual(Object.entries(fields ?? {}).slice(4, 7), [
      ["worker_id", 2],
      ["command", "thumbs"],
      ["pool", "office"],
    ]);
  }
});

Deno.test("reportBug() logs the job's ids and the bug, and command and pool if they have names", () => {
  const lines: unknown[] = [];
  const log: Listeners["log"] = {
    write: (...line) => void lines.push(line),
    flush: notHere,
  };
  const job = { spec: specOf("a"), handle: undefined, queuedSec: 0.5, stop: createStop() };
  const bug = new Error("oh");
  const ids = { request_id: "request-of-a", trace_id: undefined, span_id: undefined };
  const stack = { "exception.stacktrace": bug.stack };
  const names = { command: "thumbs", pool: "office" };
  reportBug(bug, job, log, undefined);
  reportBug(bug, job, log, names);
  assert.deepEqual(lines, [
    ["uncaught error in a worker", { ...ids, front: undefined, ...stack }],
    ["uncaught error in a worker", { ...ids, ...names, front: undefined, ...stack }],
  ]);
});

/** A command that writes 100 000 bytes to each of its outputs. */
async function floods(order: StubOrder, onEvent: RunListener): Promise<RunEnd> {
  onEvent({ kind: "started", pid: 42 });
  for (const kind of ["stdout", "stderr"] as const) {
    await onEvent({ kind, bytes: new Uint8Array(100_000) });
  }
  Deno.writeFileSync(order.files.responseFile, new Uint8Array(100_000));
  return exited;
}

Deno.test("runAndReport() keeps the outputs of a job on disk if it asks for that, and reports their lengths", async () => {
  const disk = createDisk(350_000);
  const { outcome, openFiles, captured, metrics, lines } = await told(
    floods,
    specOf("a", { keep: "disk" }),
    { maxResultBytes: 90_000 },
    undefined,
    { disk: disk.open() },
  );
  assert.ok(outcome.kind === "ran");
  const { output, error, data } = outcome.result;
  for (const { bytes, file, truncated } of [output, error, data]) {
    assert.deepEqual([bytes.length, file?.length, truncated], [0, 90_000, true]);
  }
  assert.equal(disk.held, 270_000);
  assert.equal(captured, 0, "nothing of it is in memory");
  assert.equal((metrics[1] as { resultBytes: number }[])[2]?.resultBytes, 270_000);
  const fields = lines[1]?.[1];
  assert.deepEqual(
    [fields?.["output_bytes"], fields?.["error_bytes"], fields?.["data_bytes"]],
    [90_000, 90_000, 90_000],
  );
  assert.equal(openFiles.length, 3);
  for (const { file } of [output, error, data]) file?.close();
});

Deno.test("runAndReport() keeps only the response of a job whose streams are passed on", async () => {
  const passedOn: [string, number][] = [];
  const started: unknown[] = [];
  const { outcome, openFiles } = await told(
    floods,
    specOf("a", { keep: "data" }),
    {},
    undefined,
    {
      onStarted: (worker) => void started.push(worker),
      onOutput: (stream, bytes) => void passedOn.push([stream, bytes.length]),
    },
  );
  assert.deepEqual(started, [{ id: 2, pid: 42 }]);
  assert.deepEqual(passedOn, [["stdout", 100_000], ["stderr", 100_000]]);
  assert.ok(outcome.kind === "ran");
  const { output, error, data } = outcome.result;
  assert.deepEqual([output, error], [nothing, nothing]);
  assert.equal(data.file?.length, 100_000);
  assert.equal(openFiles.length, 1);
  data.file?.close();
});

Deno.test("runAndReport() closes the files of a run with a bug and of one that could not be attempted", async () => {
  const failure = { kind: "spawn_refused", reason: "no memory" } as const;
  const ends: readonly (() => Promise<RunEnd>)[] = [
    () => Promise.reject(new Error("oh")),
    () => Promise.resolve({ ok: false, failure }),
  ];
  for (const end of ends) {
    const { openFiles } = await told(
      (order, onEvent) => floods(order, onEvent).then(end),
      specOf("a", { keep: "disk" }),
    );
    assert.deepEqual(openFiles, []);
  }
});
