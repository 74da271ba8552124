import assert from "node:assert/strict";
import { openTracing } from "../../src/telemetry/otlp.ts";
import { start, type Started } from "../support/app.ts";
import { base64 } from "../support/client.ts";
import { startReceiver } from "../support/otlp.ts";

/** Starts an app with these variables also in the environment, from which the exporter reads them. */
async function startWith(env: Readonly<Record<string, string>>): Promise<Started> {
  for (const [name, value] of Object.entries(env)) Deno.env.set(name, value);
  try {
    return await start(env);
  } finally {
    for (const name of Object.keys(env)) Deno.env.delete(name);
  }
}

Deno.test({
  name: "drain() of an app resolves when all spans have been sent to the receiver",
  // Under Deno 2.7.11 the exporter's connection is closed some time later.
  sanitizeResources: false,
  async fn() {
    await using receiver = startReceiver();
    await using started = await startWith({
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_BSP_SCHEDULE_DELAY: "600000",
    });
    const answer = await started.post("echo");
    assert.equal((await answer.json()).output, base64("\n"));
    await started.app.drain();
    assert.deepEqual(receiver.spans.map(({ name }) => name).sort(), [
      "POST /payload",
      "run",
      "wait",
    ]);
    const attributes = Object.assign({}, ...receiver.spans.map(({ attributes }) => attributes));
    assert.equal(attributes["url.scheme"], "http");
    assert.match(String(attributes["process.executable.path"]), /\/run_payload\.sh$/);
  },
});

Deno.test({
  name:
    "a run's span has the names of command and pool only if there are names; a wait for another machine ends when it ended",
  // As above.
  sanitizeResources: false,
  async fn() {
    await using receiver = startReceiver();
    const { host } = new URL(receiver.url);
    Deno.env.set("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url);
    const tracing = openTracing({
      receiver: host,
      tls: false,
      protocol: "http/json",
      sampler: { name: "always_on", ratio: 1 },
      scheduleDelayMs: 600_000,
    }, {
      version: "1.2.3",
      scheme: "http",
      address: "127.0.0.1",
      port: 0,
    }, { write: () => {}, flush: () => Promise.resolve() });
    Deno.env.delete("OTEL_EXPORTER_OTLP_ENDPOINT");
    const context = { traceparent: `00-${"1".repeat(32)}-${"2".repeat(16)}-01` };
    for (const names of [undefined, { command: "thumbs", pool: "office" }]) {
      tracing.beginRun(context, { workerId: 2, names, program: "/bin/true", queuedSec: 0 }).end({
        outcome: "success",
      });
    }
    const before = Date.now();
    tracing.waited(context, { queuedSec: 20, totalSec: 50 });
    const after = Date.now();
    await tracing.close();
    const runs = receiver.spans.filter(({ name }) => name === "run");
    const wait = receiver.spans.filter(({ name }) => name === "wait").at(-1);
    assert.ok(wait);
    assert.equal(wait.parentSpanId, "2".repeat(16));
    const [begun, ended] = [
      Number(wait.startTimeUnixNano) / 1e6,
      Number(wait.endTimeUnixNano) / 1e6,
    ];
    assert.ok(begun >= before - 50_001 && begun <= after - 49_999);
    assert.ok(ended >= before - 30_001 && ended <= after - 29_999);
    assert.deepEqual(
      runs.map(({ attributes }) => [
        attributes["jobrunner.worker.id"],
        attributes["jobrunner.command"],
        attributes["jobrunner.pool"],
      ]),
      [[2, undefined, undefined], [2, "thumbs", "office"]],
    );
  },
});
