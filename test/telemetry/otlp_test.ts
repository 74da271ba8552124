import assert from "node:assert/strict";
import { detailOf } from "../../src/telemetry/otlp.ts";

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
