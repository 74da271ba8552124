import assert from "node:assert/strict";
import { passingOn } from "../../src/telemetry/trace.ts";

const traceId = "0af7651916cd43dd8448eb211c80319c";
const spanId = "b7ad6b7169203331";
const traceparent = `00-${traceId}-${spanId}-01`;

Deno.test("without an exporter the request's trace goes on to the command as it came", () => {
  const trace = passingOn.begin(new Headers({ traceparent, tracestate: "a=1,b=2" }));
  assert.deepEqual(trace?.context, { traceparent, tracestate: "a=1,b=2" });
  assert.deepEqual(passingOn.beginRun(trace.context, 1, 0).variables, {
    TRACEPARENT: traceparent,
    TRACESTATE: "a=1,b=2",
  });
});

Deno.test("a later version is handed on in the version that we know, without what came after it", () => {
  const later = `cc-${traceId}-${spanId}-ff-${"x".repeat(60_000)}`;
  const trace = passingOn.begin(new Headers({ traceparent: later }));
  assert.deepEqual(trace?.context, { traceparent: `00-${traceId}-${spanId}-03` });
});

Deno.test("what is no trace context is no trace, and its state is dropped with it", () => {
  for (
    const wrong of [
      undefined,
      "",
      "nonsense",
      `00-${"0".repeat(32)}-${spanId}-01`,
      `ff-${traceId}-${spanId}-01`,
      `00-${traceId}-${spanId}-01-more`,
      `00-${traceId.toUpperCase()}-${spanId}-01`,
    ]
  ) {
    const headers = new Headers({ tracestate: "a=1" });
    if (wrong !== undefined) headers.set("traceparent", wrong);
    assert.equal(passingOn.begin(headers), undefined, wrong);
  }
});

Deno.test("a state that is too long or not plain text is left out", () => {
  for (const tracestate of ["x".repeat(8193), "a=\xe9"]) {
    const trace = passingOn.begin(new Headers({ traceparent, tracestate }));
    assert.deepEqual(trace?.context, { traceparent });
    assert.deepEqual(passingOn.beginRun({ traceparent }, 1, 0).variables, {
      TRACEPARENT: traceparent,
    });
  }
});
