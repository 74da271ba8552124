import assert from "node:assert/strict";
import { detailOf, openTracing } from "../../src/telemetry/otlp.ts";
import { startReceiver } from "../support/otlp.ts";

Deno.test("detailOf() describes an error without the receiver's text and without a URL's secrets", () => {
  const error = (name: string, message: string, code: string | number) =>
    JSON.stringify({ name, message, code, stack: "hunter2", data: "hunter2" });
  assert.equal(
    detailOf(error("Error", "connect ECONNREFUSED 127.0.0.1:4318", "ECONNREFUSED")),
    "Error connect ECONNREFUSED 127.0.0.1:4318 ECONNREFUSED",
  );
  assert.equal(
    detailOf(error("OTLPExporterError", "no such key: hunter2", 401)),
    "OTLPExporterError 401",
  );
  class OTLPExporterError extends Error {
    override readonly name = "OTLPExporterError";
    readonly code = 401;
    readonly data = "hunter2";
  }
  assert.equal(detailOf(new OTLPExporterError("no such key: hunter2")), "OTLPExporterError 401");
  assert.equal(detailOf(new Error("not in time")), "Error not in time");
  assert.equal(
    detailOf("Could not parse 'http://user:hunter2@h:1 /v1', falling back"),
    "Could not parse 'http://***@h:1 /v1', falling back",
  );
  assert.equal(detailOf("x".repeat(1000)).length, 300);
});

Deno.test({
  name: "openTracing() names a request's span after the route, with the path that the client sent",
  // The exporter keeps its connection.
  sanitizeResources: false,
  fn: spansOfRequests,
});

async function spansOfRequests(): Promise<void> {
  await using receiver = startReceiver();
  Deno.env.set("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url);
  try {
    const tracing = openTracing(
      {
        receiver: `127.0.0.1:${receiver.port}`,
        tls: false,
        protocol: "http/json",
        sampler: { name: "always_on", ratio: 1 },
        scheduleDelayMs: 1000,
      },
      { version: "1", scheme: "http", address: "127.0.0.1", port: 1 },
      {
        write: (message) => assert.fail(message),
        flush: () => Promise.resolve(),
      },
    );
    for (
      const target of [
        { route: "/payload/{command}", path: "/payload/pdf" },
        { route: "/payload", path: "/payload" },
      ] as const
    ) tracing.begin(new Headers(), target)?.end({ status: 200 });
    await tracing.close();
  } finally {
    Deno.env.delete("OTEL_EXPORTER_OTLP_ENDPOINT");
  }
  assert.deepEqual(
    receiver.spans.map(({ name, attributes }) => [
      name,
      attributes["http.route"],
      attributes["url.path"],
    ]),
    [
      ["POST /payload/{command}", "/payload/{command}", "/payload/pdf"],
      ["POST /payload", "/payload", "/payload"],
    ],
  );
}
