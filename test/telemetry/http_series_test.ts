import assert from "node:assert/strict";
import { catalogue } from "../../src/telemetry/catalogue.ts";
import { createHistogram } from "../../src/telemetry/histogram.ts";
import { createHttpSeries, methodLabel } from "../../src/telemetry/http_series.ts";

Deno.test("createHttpSeries() has one series for each method, route and status", () => {
  const histogram = createHistogram(catalogue.httpDuration);
  const series = createHttpSeries(histogram, "https", false);
  const answers = [
    ["GET", undefined, 404],
    ["POST", undefined, 404],
    ["GET", "/status", 404],
    ["GET", undefined, 405],
  ] as const;
  answers.forEach(([method, route, status], index) => {
    for (let value = 0; value <= index; value++) series.of(method, route, status)(value);
  });
  const used = histogram.series().filter(({ count }) => count > 0);
  assert.deepEqual(used.map(({ labels, count }) => [labels, count]), [
    [{ http_request_method: "GET", url_scheme: "https", http_response_status_code: "404" }, 1],
    [{ http_request_method: "POST", url_scheme: "https", http_response_status_code: "404" }, 2],
    [{
      http_request_method: "GET",
      url_scheme: "https",
      http_route: "/status",
      http_response_status_code: "404",
    }, 3],
    [{ http_request_method: "GET", url_scheme: "https", http_response_status_code: "405" }, 4],
  ]);
});

Deno.test("methodLabel() has one label for all methods that the server does not know", () => {
  assert.deepEqual(["GET", "BREW", "get"].map(methodLabel), ["GET", "_OTHER", "_OTHER"]);
});
