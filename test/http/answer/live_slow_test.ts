import assert from "node:assert/strict";
import { listen, openLive, ran } from "../../support/live_answer.ts";
import { eventsIn } from "../../support/live_events.ts";
import { nextTurn } from "../../support/turn.ts";

Deno.test("a live answer drops what a slow listener has no room for, and says once how much", async () => {
  const { answer, write, waits } = openLive();
  answer.onStarted({ id: 1, pid: 7 });
  let stdout = 0;
  for (let count = 0; count < 100; count++) {
    write("stdout", "é".repeat(16_384));
    write("stderr", `e\n::progress ${count}\n`);
    stdout += 32_768;
  }
  waits.join.over();
  const listener = listen(answer);
  let taken = "";
  while (!taken.includes('"truncated"')) taken += await listener.take();
  write("stdout", "after");
  answer.end(ran());
  const events = await listener.rest();
  const kinds = events.map(({ event }) => event);
  assert.deepEqual(kinds.slice(-4), ["truncated", "progress", "stdout", "exit"]);
  assert.equal(kinds.filter((kind) => kind === "truncated").length, 1);
  assert.equal(events.at(-3)?.["percent"], 99, "the latest one");
  assert.equal(events.at(-2)?.["text"], "after");
  const bytes = (stream: string) =>
    events.filter(({ event }) => event === stream).reduce(
      (sum, { text, base64 }) =>
        sum + (typeof text === "string"
          ? new TextEncoder().encode(text).length
          : Uint8Array.fromBase64(String(base64)).length),
      0,
    );
  assert.ok(bytes("stdout") > 2 ** 20 && bytes("stdout") < 1.2 * 2 ** 20, "1 MiB, and 64 KiB");
  const truncated = events.at(-4);
  assert.equal(bytes("stdout") + Number(truncated?.["stdout_bytes"]), stdout + 5);
  assert.equal(bytes("stderr") + Number(truncated?.["stderr_bytes"]), 200);
});

Deno.test("a live answer keeps everything but output for a listener that takes nothing", async () => {
  const { answer, write } = openLive();
  // 64 KiB of events.
  for (let count = 0; count < 2000; count++) answer.queued(1);
  answer.queued(5);
  answer.queued(4);
  answer.onStarted({ id: 1, pid: 7 });
  for (let count = 0; count < 200; count++) write("stdout", "x".repeat(10_000));
  answer.end(ran());
  const events = await listen(answer).rest();
  const last = events.filter(({ event, place }) => place !== 1 && event !== "stdout");
  assert.deepEqual(last.map(({ event }) => event), ["queued", "started", "truncated", "exit"]);
  assert.equal(last[0]?.["place"], 4);
});

Deno.test("a live answer counts what it holds for a slow listener, and sends it in events of up to 64 KiB", async () => {
  const stage = openLive();
  const { answer, held, write } = stage;
  await nextTurn();
  for (let count = 0; count < 100; count++) write("stdout", "x".repeat(10_000));
  assert.ok(held() > 900_000 && held() < 1_000_000, "all but 64 KiB");
  answer.end(ran());
  const listener = listen(answer);
  const before = held();
  await listener.take();
  await listener.take();
  await listener.take();
  await listener.take();
  assert.ok(held() < before);
  const events = await listener.rest();
  assert.equal(held(), 0);
  const lengths = events.slice(0, -1).map(({ text }) => String(text).length);
  assert.equal(lengths.reduce((sum, length) => sum + length), 1_000_000);
  assert.ok(lengths.length < 30 && Math.max(...lengths) <= 65_536);
});

Deno.test("a live answer sends a slow listener everything that is pending before exit", async () => {
  const { answer, write } = openLive();
  write("stdout", "x".repeat(65_536));
  write("stderr", "x".repeat(40_000));
  write("stdout", "x".repeat(40_000));
  write("stderr", "x".repeat(40_000));
  answer.end(ran());
  const events = await listen(answer).rest();
  assert.deepEqual(events.map(({ event }) => event), [
    "stdout",
    "stderr",
    "stdout",
    "stderr",
    "exit",
  ]);
});

Deno.test("a live answer sends a client on loopback all of a burst of 1 MB", async () => {
  const { answer, held, write } = openLive();
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => new Response(answer.body),
  );
  answer.onStarted({ id: 1, pid: 7 });
  const response = await fetch(`http://127.0.0.1:${server.addr.port}/`);
  // As the pipe of a command is read.
  const line = "0123456789abcde\n";
  for (let count = 0; count < 16; count++) write("stdout", line.repeat(4096));
  answer.end(ran());
  const events = eventsIn(await response.text(), "ndjson");
  await server.shutdown();
  assert.deepEqual([events[0]?.event, events.at(-1)?.event], ["started", "exit"]);
  const output = events.slice(1, -1);
  assert.ok(output.every(({ event }) => event === "stdout"));
  assert.ok(output.map(({ text }) => text).join("") === line.repeat(65_536));
  assert.equal(held(), 0);
});

Deno.test("a live answer goes on as soon as a slow listener has taken something", async () => {
  const { answer, write, waits } = openLive();
  await nextTurn();
  for (let count = 0; count < 10; count++) write("stdout", "x".repeat(10_000));
  write("stdout", "last");
  const listener = listen(answer);
  assert.equal(waits.join.waiting, 1);
  let taken = "";
  while (!taken.includes("last")) taken += await listener.take();
  assert.equal(waits.join.waiting, 1, "the pieces that follow are joined all the same");
});

Deno.test("a live answer whose client disconnects in the middle of an event leaves no timeout behind", async () => {
  const { prototype } = ReadableStreamDefaultController;
  const { enqueue } = prototype;
  for (const event of ["queued", "stdout"]) {
    const { answer, calls, waiting, write } = openLive();
    const listener = listen(answer);
    // As Deno 2.7.11 does when the connection is closed.
    prototype.enqueue = function (chunk) {
      enqueue.call(this, chunk);
      void listener.leave();
    };
    try {
      if (event === "queued") answer.queued(1);
      else write("stdout", "a");
    } finally {
      prototype.enqueue = enqueue;
    }
    assert.deepEqual([calls, waiting()], [["gone", "over"], 0], event);
    assert.equal(await listener.take(), undefined);
  }
});
