import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import fc from "fast-check";
import { openLog, stackOf } from "../../src/telemetry/log.ts";
import { character } from "../support/text.ts";

function linesOf(format: "text" | "json", level: "debug" | "info" | "warning" | "error" = "info") {
  const lines: string[] = [];
  const decoder = new TextDecoder();
  const log = openLog({ format, level }, {
    write(bytes) {
      lines.push(...decoder.decode(bytes).split(/(?<=\n)/).filter((line) => line !== ""));
      return Promise.resolve(bytes.length);
    },
  });
  return { log, lines };
}

Deno.test("log format text: time, level, message, then fields, quoted unless they are plain words", async () => {
  const { log, lines } = linesOf("text");
  log.write("job ended", { id: "a b", worker_id: 3, note: undefined, path: "/x" });
  await log.flush();
  assert.match(
    lines[0] ?? "",
    /^\d{4}-\d\d-\d\dT[\d:.]+Z INFO job ended id="a b" worker_id=3 path=\/x\n$/,
  );
});

Deno.test("log format json: field names of OpenTelemetry's logs data model, trace ids at the top level", async () => {
  const { log, lines } = linesOf("json");
  log.write("tracing", { id: "a", worker_id: 3, ok: true, "process.pid": 7, trace_id: "t" });
  await log.flush();
  const { timestamp: time, ...rest } = JSON.parse(lines[0] ?? "");
  assert.match(time, /^\d{4}-\d\d-\d\dT/);
  assert.deepEqual(rest, {
    severity_text: "WARN",
    severity_number: 13,
    body: "tracing",
    trace_id: "t",
    attributes: {
      "jobrunner.id": "a",
      "jobrunner.worker_id": 3,
      "jobrunner.ok": true,
      "process.pid": 7,
    },
  });
});

Deno.test("log level: events below it are not written", async () => {
  const { log, lines } = linesOf("text", "warning");
  log.write("job started");
  log.write("job ended");
  log.write("tracing");
  log.write("cannot start");
  await log.flush();
  assert.equal(lines.length, 2);
});

/** Texts, many of them with characters that end lines, change the direction or have a meaning in JSON. */
const hostileText = fc.string({
  unit: fc.oneof(character, fc.constantFrom(...'\0\n\r\x1b\x85\u2028\u2029\u202e\u2066"\\ =')),
});

Deno.test("log: no value can break or forge a line or change its text direction", async () => {
  for (const format of ["text", "json"] as const) {
    const { log, lines } = linesOf(format);
    await fc.assert(fc.asyncProperty(hostileText, async (id) => {
      lines.length = 0;
      log.write("job ended", { id });
      await log.flush();
      assert.equal(lines.length, 1);
      assert.match(lines[0] ?? "", /^[^\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]+\n$/u);
      if (format === "json") {
        assert.equal(JSON.parse(lines[0] ?? "").attributes["jobrunner.id"], id);
      }
    }));
    lines.length = 0;
    log.write("job ended", { id: 'x\n2026-01-01T00:00:00Z INFO forged\r\u2028\u0085\u202e"' });
    await log.flush();
    assert.equal(lines.join("").split(/\r\n|[\n\r\u2028\u0085]/).length, 2);
  }
});

/** A field of each kind, and texts that need care, with what a line of either format has for it. */
const oddFields = {
  trace_id: "0af7651916cd43dd8448eb211c80319c",
  span_id: "b7ad6b7169203331",
  absent: undefined,
  nothing: "",
  not_a_number: NaN,
  endless: -Infinity,
  below_zero: -0,
  tiny: 1e-7,
  yes: true,
  no: false,
  "a.dot": "a b",
  quotes: '"\\',
  turned: "a\u202eb\u2066",
  lines: "a\n\r\u2028\u0085\tb ",
  half: "\ud83d",
  whole: "\ud83d\ude00é",
  long: "x".repeat(20_000),
  "7": "seven",
} as const;

Deno.test("log: a line has exactly these characters in either format, whatever the values are", async () => {
  const long = "x".repeat(20_000);
  const expected = {
    text:
      "TIME WARN tracing 7=seven trace_id=0af7651916cd43dd8448eb211c80319c span_id=b7ad6b7169203331 " +
      'nothing="" not_a_number=NaN endless=-Infinity below_zero=0 tiny=1e-7 yes=true no=false a.dot="a b" ' +
      String
        .raw`quotes="\"\\" turned="a\u202eb\u2066" lines="a\n\r\u2028\u0085\tb " half="\ud83d" ` +
      `whole="\ud83d\ude00é" long=${long}\n`,
    json: '{"timestamp":"TIME","severity_text":"WARN","severity_number":13,"body":"tracing",' +
      '"trace_id":"0af7651916cd43dd8448eb211c80319c","span_id":"b7ad6b7169203331","attributes":{' +
      '"jobrunner.7":"seven","jobrunner.nothing":"","jobrunner.not_a_number":null,"jobrunner.endless":null,' +
      '"jobrunner.below_zero":0,"jobrunner.tiny":1e-7,"jobrunner.yes":true,"jobrunner.no":false,' +
      String.raw`"a.dot":"a b","jobrunner.quotes":"\"\\","jobrunner.turned":"a\u202eb\u2066",` +
      String.raw`"jobrunner.lines":"a\n\r\u2028\u0085\tb ","jobrunner.half":"\ud83d",` +
      `"jobrunner.whole":"\ud83d\ude00é","jobrunner.long":"${long}"}}\n`,
  };
  for (const format of ["text", "json"] as const) {
    const { log, lines } = linesOf(format);
    log.write("tracing", oddFields);
    log.write("stopped");
    await log.flush();
    const [odd, empty] = lines.map((line) =>
      line.replace(/\d{4}-\d\d-\d\dT[\d:]+\.\d{3}Z/, "TIME")
    );
    assert.equal(odd, expected[format]);
    const severity = '"severity_text":"INFO","severity_number":9';
    assert.equal(
      empty,
      format === "text"
        ? "TIME INFO stopped\n"
        : `{"timestamp":"TIME",${severity},"body":"stopped","attributes":{}}\n`,
    );
  }
});

Deno.test("log: the first line is written at once, later ones in a batch, each with its own time", async () => {
  const lines: string[] = [];
  const all = Promise.withResolvers<void>();
  const log = openLog({ format: "json", level: "info" }, {
    write(bytes) {
      lines.push(...new TextDecoder().decode(bytes).trimEnd().split("\n"));
      if (lines.length === 3) all.resolve();
      return Promise.resolve(bytes.length);
    },
  });
  const before = Date.now();
  log.write("listening on http://127.0.0.1:8080");
  log.write("job ended");
  log.write("stopped");
  const after = Date.now();
  await all.promise;
  const events = lines.map((line) => JSON.parse(line));
  assert.deepEqual(events.map(({ body }) => body), [
    "listening on http://127.0.0.1:8080",
    "job ended",
    "stopped",
  ]);
  for (const { timestamp } of events) {
    const time = Date.parse(timestamp);
    assert.ok(time >= before && time <= after);
  }
  await log.flush();
});

Deno.test("log: lines after a batch wait for the next one", async () => {
  const writes: string[][] = [];
  const batches = [1, 2, 3].map(() => Promise.withResolvers<void>());
  const log = openLog({ format: "json", level: "info" }, {
    write(bytes) {
      const lines = new TextDecoder().decode(bytes).trimEnd().split("\n");
      batches[writes.push(lines.map((line) => JSON.parse(line).body)) - 1]?.resolve();
      return Promise.resolve(bytes.length);
    },
  });
  log.write("listening on http://127.0.0.1:8080");
  log.write("request answered");
  log.write("job ended");
  await batches[1]?.promise;
  log.write("job ended");
  log.write("stopped");
  await batches[2]?.promise;
  assert.deepEqual(writes, [
    ["listening on http://127.0.0.1:8080"],
    ["request answered", "job ended"],
    ["job ended", "stopped"],
  ]);
  await log.flush();
});

Deno.test("log: a warning is written at once, with all lines before it", async () => {
  const { log, lines } = linesOf("json", "info");
  log.write("request answered");
  log.write("job ended");
  log.write("tracing");
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(lines.map((line) => JSON.parse(line).body), [
    "request answered",
    "job ended",
    "tracing",
  ]);
  await log.flush();
});

Deno.test("configure() changes form and level from now on; lines of earlier events come before, as they were", async () => {
  const { log, lines } = linesOf("text");
  log.write("request answered");
  log.write("job ended", { id: "waits in the batch" });
  log.configure({ format: "json", level: "warning" });
  log.write("job ended", { id: "below the level" });
  log.write("tracing", { id: "after" });
  log.configure({ format: "text", level: "debug" });
  log.write("job started", { id: "debug" });
  await log.flush();
  assert.deepEqual(lines.map((line) => line.replace(/^\d\S+ |"timestamp":"[^"]*",/, "").trim()), [
    "INFO request answered",
    'INFO job ended id="waits in the batch"',
    '{"severity_text":"WARN","severity_number":13,"body":"tracing","attributes":{"jobrunner.id":"after"}}',
    "DEBUG job started id=debug",
  ]);
});

Deno.test("configure() loses and repeats no event, whenever it is called", async () => {
  const steps = fc.array(fc.constantFrom("info", "warning", "text", "json"), { maxLength: 40 });
  await fc.assert(fc.asyncProperty(steps, async (todo) => {
    const { log, lines } = linesOf("text");
    let expected = 0;
    for (const step of todo) {
      if (step === "text" || step === "json") log.configure({ format: step, level: "info" });
      else log.write(step === "info" ? "job ended" : "tracing", { id: `n${expected++}n` });
    }
    await log.flush();
    const numbers = lines.map((line) => Number(/n(\d+)n/.exec(line)?.[1]));
    assert.deepEqual(numbers, Array.from({ length: expected }, (_, index) => index));
  }));
});

Deno.test("stackOf() gives the stack of an error, and anything else thrown as text", () => {
  assert.match(stackOf(new Error("oh")), /oh\n.*log_test\.ts/);
  assert.equal(stackOf("oh"), "oh");
});
