import assert from "node:assert/strict";
import fc from "fast-check";
import { parsePayloadRequest } from "../../src/wire/payload_request.ts";
import { encodeResult } from "../../src/wire/result.ts";
import {
  createPayloadEncoder,
  parseProblem,
  parseResult,
  parseResultHead,
} from "../../src/wire/client.ts";

const bytes = fc.uint8Array({ maxLength: 100 }).map((array) => new Uint8Array(array));

Deno.test("createPayloadEncoder() encodes in pieces what parsePayloadRequest() reads whole", () => {
  fc.assert(
    fc.property(fc.array(bytes, { minLength: 1 }), fc.string({ minLength: 1 }), (pieces, id) => {
      fc.pre(!id.includes("\0") && pieces.some((piece) => piece.length > 0));
      const encoder = createPayloadEncoder({ id, timeoutSec: 1.5 });
      const text = encoder.head + pieces.map((piece) => encoder.encode(piece)).join("") +
        encoder.end();
      const body = new TextEncoder().encode(text);
      assert.equal(
        encoder.bodyLength(pieces.reduce((sum, piece) => sum + piece.length, 0)),
        body.length,
      );
      const parsed = parsePayloadRequest(body);
      assert.ok(parsed.ok, JSON.stringify(parsed));
      assert.equal(parsed.request.id, id.toWellFormed());
      assert.equal(parsed.request.timeoutSec, 1.5);
      assert.deepEqual([...parsed.request.payload], pieces.flatMap((piece) => [...piece]));
    }),
  );
});

Deno.test("parseResult() reads what encodeResult() encodes", () => {
  fc.assert(fc.property(bytes, bytes, bytes, (output, error, data) => {
    const { byteLength, pieces } = encodeResult({
      id: "an id: ü 😀",
      workerId: 1,
      queuedSec: 0,
      elapsedSec: 0,
      ending: { kind: "exited", exitStatus: 3 },
      output: { bytes: output, truncated: true },
      error: { bytes: error, truncated: false },
      data: { bytes: data, truncated: false },
    });
    const text = [...pieces].join("");
    assert.equal(new TextEncoder().encode(text).length, byteLength);
    assert.deepEqual(parseResult(text), {
      exitStatus: 3,
      output,
      error,
      data,
      truncated: ["output"],
    });
  }));
});

Deno.test("parseResult() returns undefined for anything but a result", () => {
  for (
    const body of ["", "null", "[]", "{}", '{"exit_status":0,"output":"!","error":"","data":""}']
  ) {
    assert.equal(parseResult(body), undefined, body);
  }
});

Deno.test("parseResultHead() reads a result without its bytes, and nothing else", () => {
  assert.deepEqual(parseResultHead('{"exit_status":3,"error_truncated":true,"data_bytes":5}'), {
    exitStatus: 3,
    truncated: ["error"],
  });
  for (const text of ["", "null", "[]", "{}", '{"exit_status":"0"}']) {
    assert.equal(parseResultHead(text), undefined, text);
  }
});

Deno.test("parseProblem() reads the problems of a jobrunner, which have a code", () => {
  assert.deepEqual(parseProblem('{"status":503,"code":"draining","detail":"words"}'), {
    code: "draining",
    detail: "words",
  });
  assert.deepEqual(parseProblem('{"code":"draining"}'), { code: "draining", detail: "draining" });
  for (const text of ["", "words", "null", '{"status":503,"detail":"words"}', '{"code":5}']) {
    assert.equal(parseProblem(text), undefined, text);
  }
});
