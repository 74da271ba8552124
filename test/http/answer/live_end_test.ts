import assert from "node:assert/strict";
import type { Deadlines } from "../../../src/async/deadlines.ts";
import { givenUpError } from "../../../src/http/answer/delivery.ts";
import { maxListeners } from "../../../src/http/answer/live.ts";
import { byHand } from "../../support/deadlines.ts";
import { listen, nothing, openLive, ran, zeros } from "../../support/live_answer.ts";
import { nextTurn } from "../../support/turn.ts";

/** Counts from now on how many timeouts begin. */
function countStarts(deadlines: Deadlines): () => number {
  let count = 0;
  const { start } = deadlines;
  deadlines.start = (onOver) => {
    count++;
    return start(onOver);
  };
  return () => count;
}

const isGivenUp = (reason: unknown) => reason === givenUpError;

Deno.test("a live answer reports a listener that disconnects, and stops", async () => {
  const stage = openLive();
  const { answer, answers, calls, write } = stage;
  const listener = listen(answer);
  answer.onStarted({ id: 1, pid: 7 });
  write("stdout", "a");
  await listener.leave();
  assert.deepEqual(calls, ["gone", "over"]);
  assert.deepEqual([stage.waiting(), answers.listeners, answers.givenUp], [0, 0, 0]);
  write("stdout", "b");
  answer.queued(1);
  answer.onStarted({ id: 1, pid: 7 });
  const file = zeros(10);
  answer.end(ran({ ...nothing, file }));
  assert.equal(file.closed, 1);
  answer.handedOver();
  answers.giveUpAll();
  assert.deepEqual(calls, ["gone", "over"]);
  assert.equal(stage.waiting(), 0);
});

Deno.test("a live answer closes the response file of a listener that disconnects before it has all of it", async () => {
  const { answer, calls } = openLive();
  const file = zeros(1_000_000);
  const listener = listen(answer);
  answer.end(ran({ ...nothing, file }));
  await listener.take();
  assert.equal(file.closed, 0);
  await listener.leave();
  assert.ok(file.closed > 0);
  await nextTurn();
  assert.deepEqual(calls, ["gone", "over"]);
});

Deno.test("a live answer gives back the memory of what its listener does not take", async () => {
  const gone = openLive();
  const silent = openLive();
  for (const { write, held } of [gone, silent]) {
    for (let count = 0; count < 20; count++) write("stdout", "x".repeat(10_000));
    assert.ok(held() > 100_000);
  }
  await listen(gone.answer).leave();
  silent.answer.end(ran());
  silent.waits.answer.over();
  assert.deepEqual([gone.calls, gone.held()], [["gone", "over"], 0]);
  assert.deepEqual([silent.calls, silent.held()], [["given up: answer_timeout", "over"], 0]);
});

Deno.test("a live answer sends a response file as it is taken, and closes it", async () => {
  const stage = openLive();
  const { answer, calls } = stage;
  let read = 0;
  const file = zeros(2 ** 20);
  const counting = {
    length: file.length,
    close: () => file.close(),
    read(at: number, into: Uint8Array<ArrayBuffer>) {
      read = at;
      return file.read(at, into);
    },
  };
  answer.end(ran({ ...nothing, file: counting }));
  await nextTurn();
  assert.ok(read < 200_000, "nothing is read in advance");
  assert.equal(stage.waits.heartbeat.waiting, 0, "nothing comes between the parts of exit");
  const [exit] = await listen(answer).rest();
  assert.equal(exit?.["data"], "A".repeat(4 * Math.floor(2 ** 20 / 3)) + "AA==");
  assert.ok(file.closed > 0);
  answer.handedOver();
  assert.deepEqual(calls, ["over"]);
  assert.equal(stage.waiting(), 0);
});

Deno.test("a live answer closes a response file that is too long to be sent", async () => {
  const { answer } = openLive();
  const file = zeros(2 ** 20 + 1);
  answer.end(ran({ ...nothing, file }));
  const [exit] = await listen(answer).rest();
  assert.equal(exit?.["data_bytes"], 2 ** 20 + 1);
  assert.ok(file.closed > 0);
});

Deno.test("a live answer is broken off if the response file cannot be read", async () => {
  const stage = openLive();
  const file = zeros(1_000_000, 500_000);
  stage.answer.end(ran({ ...nothing, file }));
  await assert.rejects(listen(stage.answer).rest(), /shorter than its length/);
  assert.deepEqual(stage.calls, ["over"]);
  assert.ok(file.closed > 0);
  assert.deepEqual([stage.waiting(), stage.answers.listeners], [0, 0]);
});

Deno.test("a live answer is given up if nothing of it is taken in time", async () => {
  const stage = openLive("sse");
  const { answer, answers, calls, waits } = stage;
  assert.equal(waits.answer.waiting, 1);
  waits.answer.over();
  assert.deepEqual(calls, ["given up: answer_timeout", "over"]);
  assert.deepEqual([stage.waiting(), answers.listeners, answers.givenUp], [0, 0, 1]);
  await assert.rejects(listen(answer).take(), isGivenUp);
  const file = zeros(1);
  answer.end(ran({ ...nothing, file }));
  assert.equal(file.closed, 1);
});

Deno.test("a live answer is not given up while its listener has taken everything", async () => {
  const { answer, calls, waits, write } = openLive("sse");
  const listener = listen(answer);
  await listener.take();
  assert.equal(waits.answer.waiting, 0);
  write("stdout", "a");
  assert.equal(waits.answer.waiting, 1);
  await listener.take();
  waits.answer.over();
  assert.deepEqual(calls, []);
});

Deno.test("a live answer's timeout begins anew when its listener takes a part of a full buffer", async () => {
  const { answer, calls, waits, write } = openLive();
  for (let count = 0; count < 9; count++) write("stdout", "\x01".repeat(10_000));
  const listener = listen(answer);
  await listener.take();
  waits.answer.over();
  assert.deepEqual(calls, []);
  assert.equal(waits.answer.waiting, 1);
  waits.answer.over();
  assert.deepEqual(calls, ["given up: answer_timeout", "over"]);
  await assert.rejects(listener.rest(), isGivenUp);
});

Deno.test("a live answer's timeout begins anew when its listener takes a part of the end", async () => {
  const { answer, waits, write } = openLive();
  const listener = listen(answer);
  await nextTurn();
  write("stdout", "a");
  answer.end(ran());
  await nextTurn();
  const started = countStarts(waits.answer);
  await listener.take();
  assert.deepEqual([started(), waits.answer.waiting], [1, 1]);
});

Deno.test("a live answer's timeout begins anew when its listener takes a part while a file is read", async () => {
  const { answer, waits, write } = openLive();
  const listener = listen(answer);
  for (let count = 0; count < 9; count++) write("stdout", "x".repeat(10_000));
  const reading = Promise.withResolvers<void>();
  const file = zeros(40_000);
  answer.end(ran({
    ...nothing,
    file: {
      ...file,
      read: async (at, into) => {
        await reading.promise;
        return file.read(at, into);
      },
    },
  }));
  await listener.take();
  await listener.take();
  await listener.take();
  const started = countStarts(waits.answer);
  reading.resolve();
  await nextTurn();
  assert.deepEqual([started(), waits.answer.waiting], [1, 1]);
});

Deno.test("a live answer is given up that the runtime has taken but not handed over in time", async () => {
  const stage = openLive();
  stage.answer.end(ran());
  await listen(stage.answer).rest();
  assert.deepEqual(stage.calls, []);
  stage.waits.answer.over();
  assert.deepEqual(stage.calls, ["given up: answer_timeout", "over"]);
  stage.answer.handedOver();
  assert.equal(stage.waiting(), 0);
});

Deno.test("handedOver() of a live answer has no effect before its end was taken", () => {
  const { answer, calls, answers } = openLive();
  answer.handedOver();
  answer.end(ran());
  answer.handedOver();
  assert.deepEqual([calls, answers.listeners], [[], 1]);
});

Deno.test("a live answer sends a comment or a ping when nothing has happened for a while", async () => {
  const sse = openLive("sse");
  const browser = listen(sse.answer);
  await browser.take();
  sse.waits.heartbeat.over();
  assert.equal(await browser.take(), ": \n\n");
  const stage = openLive();
  const listener = listen(stage.answer);
  stage.waits.heartbeat.over();
  stage.waits.heartbeat.over();
  assert.equal(await listener.take(), '{"event":"ping","seq":0}\n');
  assert.equal(await listener.take(), '{"event":"ping","seq":1}\n');
  assert.equal(stage.waits.heartbeat.waiting, 1, "it goes on");
  stage.answer.end(ran());
  assert.equal(stage.waits.heartbeat.waiting, 0);
});

Deno.test("a live answer waits with a ping until there is room", async () => {
  const { answer, waits, write } = openLive();
  for (let count = 0; count < 10; count++) write("stdout", "x".repeat(10_000));
  waits.heartbeat.over();
  answer.end(ran());
  const events = await listen(answer).rest();
  assert.ok(events.every(({ event }) => event !== "ping"));
});

Deno.test("admit() of createLiveAnswers() gives a place to 1000 listeners, and takes back those that are free again", async () => {
  const { answers, answer } = openLive();
  const places = Array.from({ length: maxListeners - 1 }, () => answers.admit());
  assert.ok(places.every((place) => place !== undefined));
  assert.deepEqual([answers.admit(), answers.listeners], [undefined, 1000]);
  const [first] = places;
  first?.release();
  first?.release();
  assert.equal(answers.listeners, 999);
  assert.ok(answers.admit());
  assert.equal(answers.admit(), undefined);
  await listen(answer).leave();
  const last = answers.admit();
  last?.open({
    format: "sse",
    requestId: "r",
    onGone() {},
    onGivenUp() {},
    onHeld() {},
    onOver() {},
  });
  last?.release();
  assert.deepEqual([answers.admit(), answers.listeners], [undefined, 1000]);
});

Deno.test("giveUpAll() of createLiveAnswers() gives up every answer that is not sent yet", async () => {
  const stage = openLive();
  stage.answer.onStarted({ id: 1, pid: 7 });
  stage.answers.giveUpAll();
  stage.answers.giveUpAll();
  assert.deepEqual(stage.calls, ["given up: shutdown", "over"]);
  assert.deepEqual([stage.answers.givenUp, stage.waiting()], [1, 0]);
  await assert.rejects(listen(stage.answer).take(), isGivenUp);
});

Deno.test("setTimeouts() of createLiveAnswers() holds for answers that begin afterwards", () => {
  const { answers, waits, calls, answer } = openLive();
  const later = byHand(1);
  answers.setTimeouts(later);
  answer.queued(1);
  assert.deepEqual([waits.answer.waiting, later.waiting], [1, 0]);
  const causes: string[] = [];
  answers.admit()?.open({
    format: "sse",
    requestId: "r",
    onGone() {},
    onGivenUp: (cause) => void causes.push(cause),
    onHeld() {},
    onOver() {},
  });
  later.over();
  assert.deepEqual([causes, calls], [["answer_timeout"], []]);
});
