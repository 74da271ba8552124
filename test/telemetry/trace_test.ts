import assert from "node:assert/strict";
import { passingOn } from "../../src/telemetry/trace.ts";

const traceId = "0af7651916cd43dd8448eb211c80319c";
const spanId = "b7ad6b7169203331";
const traceparent = `00-${traceId}-${spanId}-01`;
const target = { route: "/payload", path: "/payload" } as const;
const run = { workerId: 1, names: undefined, program: "/bin/date", queuedSec: 0 };

Deno.test("passingOn passes the request's trace to the command unchanged", () => {
  const trace = passingOn.begin(new Headers({ traceparent, tracestate: "a=1,b=2" }), target);
  assert.deepEqual(trace?.context, { traceparent, tracestate: "a=1,b=2" });
  assert.deepEqual(passingOn.beginRun(trace.context, run).variables, {
    TRACEPARENT: traceparent,
    TRACESTATE: "a=1,b=2",
  });
});

Deno.test("passingOn passes on a later traceparent version as version 00, without its additional part", () => {
  const later = `cc-${traceId}-${spanId}-ff-${"x".repeat(60_000)}`;
  const trace = passingOn.begin(new Headers({ traceparent: later }), target);
  assert.deepEqual(trace?.context, { traceparent: `00-${traceId}-${spanId}-03` });
});

Deno.test("passingOn ignores an invalid traceparent, and the tracestate with it", () => {
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
    assert.equal(passingOn.begin(headers, target), undefined, wrong);
  }
});

Deno.test("passingOn drops a tracestate that is too long or not plain text", () => {
  for (const tracestate of ["x".repeat(8193), "a=\xe9"]) {
    const trace = passingOn.begin(new Headers({ traceparent, tracestate }), target);
    assert.deepEqual(trace?.context, { traceparent });
    assert.deepEqual(passingOn.beginRun({ traceparent }, run).variables, {
      TRACEPARENT: traceparent,
    });
  }
});
