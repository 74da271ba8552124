import assert from "node:assert/strict";
import { traceIdsOf } from "../../src/wire/trace_context.ts";

Deno.test("traceIdsOf() returns both ids of a traceparent, and none without one", () => {
  const [traceId, spanId] = ["0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"];
  assert.deepEqual(traceIdsOf(`00-${traceId}-${spanId}-01`), { traceId, spanId });
  assert.deepEqual(traceIdsOf(undefined), { traceId: undefined, spanId: undefined });
});
