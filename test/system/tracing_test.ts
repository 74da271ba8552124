/**
 * Traces of the real program, received by a real receiver.
 */

import assert from "node:assert/strict";
import { post, statusOf } from "../support/client.ts";
import { temporaryFolder } from "../support/folder.ts";
import { type ReceivedSpan, startReceiver } from "../support/otlp.ts";
import { eventually } from "../support/processes.ts";
import { fixture, runProgram, startProgram } from "../support/program.ts";

const shell = { JOBRUNNER_CMD: fixture("run_payload.sh"), JOBRUNNER_NUM_WORKERS: "1" };
const traceId = "0af7651916cd43dd8448eb211c80319c";
const parentId = "b7ad6b7169203331";
const traceparent = `00-${traceId}-${parentId}-01`;

function spanOf(spans: readonly ReceivedSpan[], name: string): ReceivedSpan {
  const found = spans.filter((span) => span.name === name);
  assert.equal(found.length, 1, `${found.length} spans ${name}`);
  return found[0] as ReceivedSpan;
}

Deno.test("tracing exports request, wait and run as spans of the client's trace, which the command can join", async () => {
  await using receiver = startReceiver();
  await using program = await startProgram({
    env: {
      ...shell,
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_HEADERS: "x-collector-key=hunter2",
      OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=test",
    },
  });
  const { output } = await post(
    program.url,
    'echo "$TRACEPARENT $TRACESTATE ${OTEL_EXPORTER_OTLP_HEADERS:-none} $$"; exit 3',
    { headers: { traceparent, tracestate: "vendor=1" } },
  );
  assert.equal(await program.stop(), 0);

  const request = spanOf(receiver.spans, "POST /payload");
  const wait = spanOf(receiver.spans, "wait");
  const run = spanOf(receiver.spans, "run");
  for (const span of [request, wait, run]) {
    assert.equal(span.traceId, traceId);
    assert.equal(span.resource["service.name"], "jobrunner");
    assert.equal(span.resource["deployment.environment.name"], "test");
    assert.ok(BigInt(span.startTimeUnixNano) <= BigInt(span.endTimeUnixNano));
  }
  assert.equal(request.parentSpanId, parentId);
  assert.equal(request.kind, 2);
  assert.equal(request.attributes["http.request.method"], "POST");
  assert.equal(request.attributes["http.response.status_code"], 200);
  assert.equal(wait.parentSpanId, request.spanId);
  assert.equal(run.parentSpanId, request.spanId);
  assert.deepEqual(
    [request, wait, run].map(({ flags }) => (flags & 0x200) !== 0),
    [true, false, false],
    "only the client is another process",
  );
  assert.equal(run.traceState, "vendor=1");
  const [commandTrace, commandState, secret, pid] = output.trim().split(" ");
  assert.equal(commandTrace, `00-${traceId}-${run.spanId}-01`);
  assert.equal(commandState, "vendor=1");
  assert.equal(secret, "none");
  assert.equal(run.attributes["process.pid"], Number(pid));
  assert.equal(run.attributes["process.exit.code"], 3);
  assert.equal(run.attributes["process.executable.path"], fixture("run_payload.sh"));
  assert.equal(run.attributes["jobrunner.job.outcome"], "failed");
  assert.equal(run.attributes["error.type"], "failed");
  assert.equal(receiver.requests[0]?.headers.get("x-collector-key"), "hunter2");

  const ended = program.log.find((line) => line.includes("job ended")) ?? "";
  assert.ok(ended.includes(` trace_id=${traceId} span_id=${request.spanId}`), ended);
  assert.doesNotMatch(program.log.join("\n"), /hunter2/);
});

Deno.test("tracing exports a wait span and no run span for a job that left the queue", async () => {
  await using receiver = startReceiver();
  await using program = await startProgram({
    env: {
      ...shell,
      JOBRUNNER_QUEUE_TIMEOUT_SEC: "0.05",
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    },
  });
  using folder = temporaryFolder();
  const running = post(program.url, `until [ -e ${folder.path}/release ]; do sleep 0.01; done`);
  await eventually(
    "it runs",
    async () => (await statusOf(program.url)).busy === 1,
  );
  assert.equal((await post(program.url, "exit 0", { headers: { traceparent } })).status, 503);
  Deno.writeTextFileSync(`${folder.path}/release`, "");
  assert.equal((await running).status, 200);
  assert.equal(await program.stop(), 0);
  const failed = receiver.spans.find(({ name, attributes }) =>
    name === "wait" && attributes["error.type"] === "queue_timeout"
  );
  const request = receiver.spans.find(({ spanId }) => spanId === failed?.parentSpanId);
  assert.equal(request?.attributes["http.response.status_code"], 503);
  assert.equal(request?.attributes["error.type"], "queue_timeout");
  spanOf(receiver.spans, "run");
});

Deno.test("tracing passes on an unsampled trace without exporting it; protobuf is the default", async () => {
  await using receiver = startReceiver();
  await using program = await startProgram({
    env: { ...shell, OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url },
  });
  const unsampled = `00-${traceId}-${parentId}-00`;
  const first = await post(program.url, "echo $TRACEPARENT", {
    headers: { traceparent: unsampled },
  });
  assert.match(first.output, new RegExp(`^00-${traceId}-[0-9a-f]{16}-00\n$`));
  const { output } = await post(program.url, "echo $TRACEPARENT");
  assert.match(output, /^00-[0-9a-f]{32}-[0-9a-f]{16}-01\n$/);
  assert.equal(await program.stop(), 0);
  assert.deepEqual(receiver.requests.map(({ headers }) => headers.get("content-type")), [
    "application/x-protobuf",
  ]);
});

Deno.test("tracing without an endpoint gives the command the client's own context", async () => {
  await using program = await startProgram({ env: shell });
  const { output } = await post(program.url, 'echo "$TRACEPARENT $TRACESTATE"', {
    headers: { traceparent, tracestate: "vendor=1" },
  });
  assert.equal(output, `${traceparent} vendor=1\n`);
  await program.line(`trace_id=${traceId} span_id=${parentId}`);
});

Deno.test("tracing to an unreachable receiver disturbs neither jobs nor the stop", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr;
  taken.close();
  await using program = await startProgram({
    env: {
      ...shell,
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
      OTEL_BSP_SCHEDULE_DELAY: "1",
    },
  });
  assert.equal((await post(program.url, "echo one")).output, "one\n");
  assert.equal((await post(program.url, "echo two")).output, "two\n");
  assert.equal(await program.stop(), 0);
});

Deno.test("tracing adds the receiver's host and OTEL_* to the sandbox, as serve --check shows", async () => {
  await using receiver = startReceiver();
  const { stdout, code } = await runProgram({
    env: { ...shell, OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url },
    args: ["serve", "--check"],
  });
  assert.equal(code, 0);
  for (
    const refused of [
      "running another program",
      "reading /etc/passwd",
      "writing outside the spool",
      "connecting out",
      "reading a variable",
    ]
  ) assert.ok(stdout.includes(`probe: ${refused}: refused`), stdout);
});

Deno.test("OTEL_EXPORTER_OTLP_ENDPOINT without a scheme prevents the start with exit 2", async () => {
  const { code, stderr } = await runProgram({
    env: { ...shell, OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4318" },
  });
  assert.equal(code, 2);
  assert.equal(
    stderr,
    "OTEL_EXPORTER_OTLP_ENDPOINT=collector:4318: must be an http or https URL\n",
  );
});

Deno.test("tracing over TLS trusts the authority in NODE_EXTRA_CA_CERTS and DENO_CERT", async () => {
  const ca = fixture("tls/ca.pem");
  await using receiver = startReceiver({
    cert: Deno.readTextFileSync(fixture("tls/cert.pem")),
    key: Deno.readTextFileSync(fixture("tls/key.pem")),
  });
  await using program = await startProgram({
    env: {
      ...shell,
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      // Deno 2.9.6 reads the first one, 2.7.11 the second one.
      NODE_EXTRA_CA_CERTS: ca,
      DENO_CERT: ca,
    },
  });
  await post(program.url, "exit 0");
  assert.equal(await program.stop(), 0);
  assert.deepEqual(receiver.spans.map(({ name }) => name).sort(), ["POST /payload", "run", "wait"]);
});

Deno.test("tracing keeps the exporter's log lines short, whatever the receiver answers", async () => {
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => new Response("x".repeat(300_000), { status: 400 }),
  );
  await using program = await startProgram({
    env: {
      ...shell,
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${server.addr.port}`,
      OTEL_BSP_SCHEDULE_DELAY: "1",
    },
  });
  await post(program.url, "exit 0");
  await program.line("WARN tracing");
  assert.equal(await program.stop(), 0);
  const told = program.log.filter((line) => line.includes("WARN tracing"));
  assert.ok(told.length > 0);
  for (const line of told) assert.ok(line.length < 500, line.slice(0, 600));
});
