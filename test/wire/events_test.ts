import assert from "node:assert/strict";
import fc from "fast-check";
import type { Captured, JobResult, StoredFile } from "../../src/jobs/job.ts";
import {
  encodeEvent,
  encodeExit,
  liveComment,
  type LiveEvent,
  liveOpening,
} from "../../src/wire/events.ts";
import { createPieceMaker } from "../../src/wire/output_piece.ts";
import { createProgressFilter } from "../../src/wire/progress_line.ts";
import { eventsIn } from "../support/live_events.ts";
import { cutInto, encode, joinedBytes, outputBytes } from "../support/pieces.ts";

const nothing: Captured = { bytes: new Uint8Array(), truncated: false };

const result: JobResult = {
  id: "i\n",
  workerId: 2,
  queuedSec: 0.25,
  elapsedSec: 1.5,
  ending: { kind: "exited", exitStatus: 3 },
  output: nothing,
  error: nothing,
  data: { bytes: new Uint8Array([0, 255]), truncated: false },
};

async function exitOf(result: JobResult, format: "sse" | "ndjson" = "ndjson"): Promise<string[]> {
  return await Array.fromAsync(encodeExit(result, 0, format));
}

/** A response file whose bytes count up, of which at most `atOnce` are read at a time. */
function storedFile(length: number, there = length, atOnce = 1000): StoredFile {
  return {
    length,
    read(at, into) {
      const count = Math.max(0, Math.min(into.length, there - at, atOnce));
      for (let index = 0; index < count; index++) into[index] = (at + index) % 251;
      return Promise.resolve(count);
    },
    close() {},
  };
}

Deno.test("encodeEvent() makes one line of JSON with the event's name first", () => {
  assert.equal(
    encodeEvent({ event: "stdout", text: "a\nb\r" }, 2, "ndjson"),
    '{"event":"stdout","seq":2,"text":"a\\nb\\r"}\n',
  );
});

Deno.test("encodeEvent() makes a server-sent event with id, type and one line of data", () => {
  assert.equal(
    encodeEvent({ event: "started", worker_id: 1, pid: 77 }, 4, "sse"),
    'id: 4\nevent: started\ndata: {"seq":4,"worker_id":1,"pid":77}\n\n',
  );
});

Deno.test("encodeEvent() and encodeExit() name the machine, if several share a queue", async () => {
  assert.equal(
    encodeEvent({ event: "started", worker_id: 1, pid: 77, node: "b" }, 4, "ndjson"),
    '{"event":"started","seq":4,"worker_id":1,"pid":77,"node":"b"}\n',
  );
  const [exit] = eventsIn((await exitOf({ ...result, node: "b" })).join(""), "ndjson");
  assert.equal(exit?.["node"], "b");
});

Deno.test("encodeEvent() leaves out what does not apply", () => {
  assert.equal(
    encodeEvent({ event: "started", worker_id: 1, pid: 77, node: undefined }, 0, "ndjson"),
    '{"event":"started","seq":0,"worker_id":1,"pid":77}\n',
  );
  assert.equal(
    encodeEvent({ event: "truncated", stdout_bytes: 5, stderr_bytes: undefined }, 0, "ndjson"),
    '{"event":"truncated","seq":0,"stdout_bytes":5}\n',
  );
});

Deno.test("liveOpening() and liveComment() add no event to server-sent events", () => {
  assert.deepEqual([liveOpening("sse"), liveComment("sse")], ["retry: 2000\n\n", ": \n\n"]);
  assert.deepEqual(eventsIn(`${liveOpening("sse")}${liveComment("sse")}`, "sse"), []);
  assert.deepEqual([liveOpening("ndjson"), liveComment("ndjson")], ["", undefined]);
});

for (const format of ["sse", "ndjson"] as const) {
  Deno.test(`events (${format}) carry all output but progress lines, each in one line, however it is cut`, () => {
    fc.assert(fc.property(outputBytes, cutInto, (bytes, cut) => {
      const [events, reports] = eventsOf(cut(bytes));
      const text = events.map((event, seq) => encodeEvent(event, seq, format)).join("");
      const received = eventsIn(liveOpening(format) + text, format);
      const [ordinary, expectedReports] = withoutProgress(bytes);
      const output = received.filter(({ event }) => event === "stderr").map((event) =>
        typeof event["text"] === "string"
          ? encode(event["text"])
          : Uint8Array.fromBase64(String(event["base64"]))
      );
      assert.deepEqual(joinedBytes(output), ordinary);
      assert.equal(reports, expectedReports);
    }));
  });
}

function eventsOf(pieces: readonly Uint8Array<ArrayBuffer>[]): [LiveEvent[], number] {
  const events: LiveEvent[] = [];
  const maker = createPieceMaker();
  let reports = 0;
  const add = (piece: ReturnType<typeof maker.next>) => {
    if (piece) events.push({ event: "stderr", ...piece });
  };
  const filter = createProgressFilter(
    (bytes) => add(maker.next(bytes)),
    (report) => {
      reports++;
      events.push({ event: "progress", ...report });
    },
  );
  for (const piece of pieces) filter.write(piece);
  filter.end();
  add(maker.end());
  return [events, reports];
}

/** The same by looking at whole lines. */
function withoutProgress(bytes: Uint8Array<ArrayBuffer>): [Uint8Array<ArrayBuffer>, number] {
  const kept: Uint8Array<ArrayBuffer>[] = [];
  let reports = 0;
  for (let at = 0; at < bytes.length;) {
    const end = bytes.indexOf(0x0a, at) + 1 || bytes.length;
    const line = bytes.subarray(at, end);
    const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(line);
    const isReport = line.length <= 1024 && !text.includes("\ufffd") &&
      /^::progress (\d|\d\d|100)(\.0+|(?<!100)\.\d+)?%?( [^]*)?\r?\n$/.test(text);
    if (isReport) reports++;
    else kept.push(line);
    at = end;
  }
  return [joinedBytes(kept), reports];
}

Deno.test("encodeExit() has today's keys of a result, without those of stdout and stderr", async () => {
  assert.deepEqual(await exitOf(result), [
    '{"event":"exit","seq":0,"worker_id":2,"elapsed_sec":1.5,"exit_status":3,"id":"i\\n",' +
    '"queued_sec":0.25,"ending":"exited","data":"AP8="}\n',
  ]);
  assert.equal(
    (await exitOf({
      ...result,
      ending: { kind: "timed_out", exitStatus: 124, signal: "SIGTERM" },
      names: { command: "thumbs", pool: "office" },
      data: { bytes: new Uint8Array(), truncated: true },
      output: { bytes: new Uint8Array(), truncated: true },
      message: "what\u2028happened\u0085",
    }, "sse")).join(""),
    'id: 0\nevent: exit\ndata: {"seq":0,"worker_id":2,"elapsed_sec":1.5,"exit_status":124,"id":"i\\n",' +
      '"queued_sec":0.25,"ending":"timed_out","command":"thumbs","pool":"office","signal":"SIGTERM",' +
      '"timed_out":true,"data_truncated":true,"message":"what\\u2028happened\\u0085","data":""}\n\n',
  );
});

Deno.test("encodeExit() reads a response file of 1 MiB in pieces", async () => {
  const length = 2 ** 20;
  const pieces = await exitOf({
    ...result,
    data: { ...nothing, file: storedFile(length) },
  });
  assert.ok(pieces.length > 10 && pieces.every((piece) => piece.length < 70_000));
  const [exit] = eventsIn(pieces.join(""), "ndjson");
  assert.deepEqual(
    Uint8Array.fromBase64(String(exit?.["data"])),
    Uint8Array.from({ length }, (_, index) => index % 251),
  );
  assert.ok(exit && !("data_truncated" in exit));
});

Deno.test("encodeExit() says of a response file of more than 1 MiB only how long it is", async () => {
  const file = storedFile(2 ** 20 + 1);
  const [exit] = eventsIn(
    (await exitOf({ ...result, data: { ...nothing, file } })).join(""),
    "ndjson",
  );
  assert.deepEqual([exit?.["data_bytes"], exit?.["data_truncated"]], [2 ** 20 + 1, true]);
  assert.ok(exit && !("data" in exit));
});

Deno.test("encodeExit() rejects if the response file is shorter than its length", async () => {
  const file = storedFile(100_000, 90_000);
  await assert.rejects(
    exitOf({ ...result, data: { ...nothing, file } }),
    /shorter than its length/,
  );
});
