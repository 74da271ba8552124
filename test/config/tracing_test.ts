import assert from "node:assert/strict";
import { readTracing } from "../../src/config/tracing.ts";

function read(env: Record<string, string>) {
  const errors: string[] = [];
  return { tracing: readTracing(env, errors), errors };
}

Deno.test("readTracing() leaves tracing off unless an endpoint or the exporter is named", () => {
  for (
    const env of [
      {},
      { OTEL_SERVICE_NAME: "x" },
      { OTEL_EXPORTER_OTLP_ENDPOINT: "" },
      { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318", OTEL_SDK_DISABLED: "true" },
      { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318", OTEL_TRACES_EXPORTER: "none" },
    ]
  ) assert.deepEqual(read(env), { tracing: undefined, errors: [] });
});

Deno.test("readTracing() returns the endpoint's host and port as the receiver to allow", () => {
  const receiverOf = (env: Record<string, string>) => read(env).tracing?.receiver;
  assert.equal(receiverOf({ OTEL_TRACES_EXPORTER: "otlp" }), "localhost:4318");
  assert.equal(receiverOf({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector" }), "collector:80");
  assert.equal(receiverOf({ OTEL_EXPORTER_OTLP_ENDPOINT: "https://[::1]/otlp" }), "[::1]:443");
  assert.equal(
    receiverOf({
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://everything:4318",
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://traces:9/v1/traces",
    }),
    "traces:9",
  );
});

Deno.test("readTracing() has the standard's defaults and reports errors in our grammar", () => {
  assert.deepEqual(read({ OTEL_TRACES_EXPORTER: "otlp" }).tracing, {
    receiver: "localhost:4318",
    tls: false,
    protocol: "http/protobuf",
    sampler: { name: "parentbased_always_on", ratio: 1 },
    scheduleDelayMs: 5000,
  });
  assert.deepEqual(
    read({
      OTEL_TRACES_EXPORTER: "zipkin",
      OTEL_EXPORTER_OTLP_ENDPOINT: "ftp://user:hunter2@collector",
      OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
      OTEL_TRACES_SAMPLER: "sometimes",
      OTEL_BSP_SCHEDULE_DELAY: "-1",
    }).errors,
    [
      "OTEL_TRACES_EXPORTER=zipkin: must be otlp or none",
      "OTEL_EXPORTER_OTLP_PROTOCOL=grpc: must be http/protobuf or http/json",
      "OTEL_TRACES_SAMPLER=sometimes: must be always_on or always_off or traceidratio or parentbased_always_on or parentbased_always_off or parentbased_traceidratio",
      "OTEL_BSP_SCHEDULE_DELAY=-1: must be a number of milliseconds from 0 to 2147483647",
      "OTEL_EXPORTER_OTLP_ENDPOINT=***: must be an http or https URL",
    ],
  );
  assert.deepEqual(
    read({
      OTEL_TRACES_EXPORTER: "otlp",
      OTEL_TRACES_SAMPLER: "traceidratio",
      OTEL_TRACES_SAMPLER_ARG: "2",
    }).errors,
    ["OTEL_TRACES_SAMPLER_ARG=2: must be a number from 0 to 1"],
  );
});

Deno.test("OTEL_EXPORTER_OTLP_ENDPOINT is shown in an error only if it cannot hold a password", () => {
  const errorOf = (endpoint: string) => read({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }).errors[0];
  const wanted = "must be an http or https URL";
  assert.equal(errorOf("collector:4318"), `OTEL_EXPORTER_OTLP_ENDPOINT=collector:4318: ${wanted}`);
  for (const endpoint of ["user:hunter2@h", "http://user:hunter2", "http://user:hunter2@h:1 "]) {
    assert.equal(errorOf(endpoint), `OTEL_EXPORTER_OTLP_ENDPOINT=***: ${wanted}`, endpoint);
  }
});

Deno.test("OTEL_EXPORTER_OTLP_HEADERS rejects headers that no request could have, without showing them", () => {
  const errorsOf = (name: string, headers: string) =>
    read({ OTEL_TRACES_EXPORTER: "otlp", [name]: headers }).errors;
  const general = "OTEL_EXPORTER_OTLP_HEADERS";
  for (
    const fine of [
      "",
      "x-key=hunter2",
      "a=b;meta=c, d%2De = f%20g,",
      "authorization=Basic%20aHg=",
      "x=",
    ]
  ) assert.deepEqual(errorsOf(general, fine), [], fine);
  for (const name of [general, "OTEL_EXPORTER_OTLP_TRACES_HEADERS"]) {
    for (
      const wrong of ["Basic hunter2==", "hunter2", "=hunter2", "x=hunter2%0A", "x=%hunter2", "x=€"]
    ) {
      assert.deepEqual(errorsOf(name, wrong), [
        `${name}=***: must be name=value pairs of HTTP headers, percent-encoded, separated by commas`,
      ], wrong);
    }
  }
});
