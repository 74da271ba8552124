import assert from "node:assert/strict";
import { type Format, formatOf, liveFormatOf, typesOf } from "../../../src/http/answer/accept.ts";

function assertFormats(
  cases: readonly (readonly [string | null, Format | undefined])[],
  responseType = "image/png",
) {
  for (const [accept, format] of cases) {
    assert.equal(formatOf(accept, responseType), format, String(accept));
  }
}

Deno.test("formatOf() is bytes without a wish", () => {
  assertFormats([
    [null, "bytes"],
    ["", "bytes"],
    [" , ,", "bytes"],
    ["*/*", "bytes"],
    ["*", "bytes"],
    ["no range", "bytes"],
    ["text/html, image/gif, *; q=.2, */*; q=.2", "bytes"],
  ]);
});

Deno.test("formatOf() finds each format by its types, whatever their case and parameters", () => {
  assertFormats([
    ["application/octet-stream", "bytes"],
    ["image/png", "bytes"],
    ["image/*", "bytes"],
    ["text/plain;charset=utf-8", "bytes"],
    ["text/*", "bytes"],
    ["application/*", "bytes"],
    ["application/json", "json"],
    ['Application/JSON ; charset="a,b;q=0"', "json"],
    ["multipart/form-data", "form"],
    ["multipart/*", "form"],
    ["text/event-stream", "sse"],
    ["application/x-ndjson", "ndjson"],
    ["multipart/form-data, application/problem+json;q=0.9", "form"],
  ]);
});

Deno.test("formatOf() is undefined if the header accepts nothing that there is", () => {
  assertFormats([
    ["image/jpeg", undefined],
    ["text/html, application/xml;q=0.9", undefined],
    ["*/*;q=0", undefined],
    ["application/json;q=0", undefined],
    ["application/json; q=0.000, image/gif", undefined],
  ]);
});

Deno.test("formatOf() follows weights; with equal ones bytes win, then the order of the list", () => {
  assertFormats([
    ["application/json, image/png", "bytes"],
    ["application/json, */*", "bytes"],
    ["application/json, */*;q=0.9", "json"],
    ["application/json;q=0.5, text/event-stream;q=0.6", "sse"],
    ["text/event-stream, application/json", "sse"],
    ["application/json, text/event-stream", "json"],
    ["application/x-ndjson;q=0.2, multipart/form-data;q=0.2", "ndjson"],
    ["image/png;q=0.1, application/json;q=0.05", "bytes"],
    ["application/json;Q=0.4, image/png;q=0.5", "bytes"],
    // Not weights: as if there were none.
    ["application/json;q=high, image/png;q=0.9", "json"],
    ['application/json;q="0.1", image/png;q=0.9', "json"],
    ["application/json;q=., image/png;q=0.9", "json"],
    ["application/json;q=1.5;q=0, image/png;q=0.9", "json"],
  ]);
});

Deno.test("formatOf() lets the most specific range decide", () => {
  assertFormats([
    ["*/*, application/octet-stream;q=0", "bytes"],
    ["*/*, application/octet-stream;q=0, image/*;q=0, text/plain;q=0", "json"],
    ["*/*, application/octet-stream;q=0, image/*;q=0, text/*;q=0, application/json;q=0", "form"],
    ["application/*;q=0.2, application/json;q=0.1", "bytes"],
    ["*/*;q=0, application/json", "json"],
    ["application/*;q=0, */*;q=0.3, image/png;q=0, text/*;q=0", "form"],
    // Two lines of the header, joined: the greater weight counts.
    ["application/json;q=0.1, application/json", "json"],
  ]);
});

Deno.test("formatOf() takes the type of another format for that format, even as the response type", () => {
  assertFormats([
    ["application/json", "json"],
    ["application/json, application/octet-stream", "bytes"],
    ["application/*", "bytes"],
  ], "application/json; charset=utf-8");
  assertFormats([["application/x-ndjson", "ndjson"]], "application/x-ndjson");
  assertFormats([["text/html", "bytes"]], "Text/HTML; charset=utf-8");
});

Deno.test("typesOf() lists every type once", () => {
  assert.deepEqual(typesOf("image/png"), [
    "application/octet-stream",
    "image/png",
    "text/plain",
    "application/json",
    "multipart/form-data",
    "text/event-stream",
    "application/x-ndjson",
  ]);
  assert.equal(typesOf("application/json").length, 6);
  assert.equal(typesOf("application/octet-stream").length, 6);
});

Deno.test("liveFormatOf() is a live format only if the header names it and prefers it", () => {
  for (
    const [accept, format] of [
      [null, undefined],
      ["", undefined],
      ["*/*", undefined],
      ["application/json", undefined],
      ["text/*", undefined],
      ["application/*", undefined],
      ["text/event-stream", "sse"],
      ["Application/X-NDJSON", "ndjson"],
      ["text/event-stream, application/x-ndjson", "sse"],
      ["text/event-stream;q=0.5, application/x-ndjson", "ndjson"],
      ["application/json, text/event-stream", undefined],
      ["text/event-stream, application/json", "sse"],
      ["text/event-stream, */*;q=0.1", "sse"],
      ["*/*, text/event-stream", undefined],
      ["text/event-stream;q=0.5, */*", undefined],
      ["application/json;q=0.1, text/event-stream;q=0.5, */*;q=0.8", undefined],
      ["text/event-stream;q=0", undefined],
      ["text/event-stream;q=0, */*;q=0", undefined],
    ] as const
  ) {
    assert.equal(liveFormatOf(accept), format, String(accept));
  }
});
