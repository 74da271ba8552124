import assert from "node:assert/strict";
import { createDeliveries, givenUpError } from "../../../src/http/answer/delivery.ts";
import { createBuffers } from "../../../src/http/body/buffers.ts";
import { byHand } from "../../support/deadlines.ts";

/** An answer of so many pieces of 64 KiB, each of which counts 1 while it is held. */
function setUp(pieces: number) {
  const patience = byHand(1);
  const answers = createDeliveries(patience);
  const buffers = createBuffers(Infinity);
  const share = buffers.open();
  share.captured(pieces);
  share.answer();
  const state = { made: 0, ended: false };
  const givenUp: string[] = [];
  function* make() {
    for (; state.made < pieces; state.made++) {
      yield "x".repeat(65_536);
      share.taken(1);
    }
  }
  const { body, handedOver } = answers.begin(
    { byteLength: pieces * 65_536, pieces: make(), free: () => void (state.ended = true) },
    { share, onGivenUp: (cause) => void givenUp.push(cause) },
  );
  return { answers, patience, buffers, body, handedOver, state, givenUp };
}

function reader({ body }: ReturnType<typeof setUp>) {
  assert.ok(body instanceof ReadableStream);
  return body.getReader();
}

Deno.test("createDeliveries() makes an answer of up to 64 KiB one string, and holds nothing of it", () => {
  const { body, buffers, patience } = setUp(1);
  assert.equal(body, "x".repeat(65_536));
  assert.equal(buffers.held.answers, 0);
  assert.equal(patience.waiting, 0);
});

Deno.test("createDeliveries() makes a longer answer as it is taken", async () => {
  const answer = setUp(10);
  const taking = reader(answer);
  assert.equal(answer.state.made, 0, "nothing was read yet");
  let bytes = 0;
  let part = await taking.read();
  assert.equal(answer.buffers.held.answers, 10);
  bytes += part.value?.length ?? 0;
  part = await taking.read();
  assert.equal(answer.buffers.held.answers, 9);
  for (; !part.done; part = await taking.read()) bytes += part.value.length;
  assert.equal(bytes, 655_360);
  assert.equal(answer.buffers.held.answers, 0);
  answer.handedOver();
  assert.equal(answer.patience.waiting, 0);
  assert.deepEqual(answer.givenUp, []);
});

Deno.test("createDeliveries() gives up an answer that the runtime has taken but not handed over in time", async () => {
  const answer = setUp(2);
  const taking = reader(answer);
  for (let part = await taking.read(); !part.done;) part = await taking.read();
  assert.equal(answer.buffers.held.answers, 0, "nothing of it is held here");
  answer.patience.over();
  assert.deepEqual([answer.givenUp, answer.answers.givenUp], [["answer_timeout"], 1]);
});

Deno.test("handedOver() does not end an answer whose stream was neither read to its end nor canceled", () => {
  const answer = setUp(10);
  answer.handedOver();
  assert.equal(answer.patience.waiting, 1);
});

Deno.test("createDeliveries() fails the stream of an answer that cannot be completed, and releases it", async () => {
  const patience = byHand(1);
  const answers = createDeliveries(patience);
  const buffers = createBuffers(Infinity);
  const share = buffers.open();
  share.captured(5);
  share.answer();
  function* broken() {
    yield "x".repeat(65_536);
    throw new RangeError("no memory");
  }
  const { body } = answers.begin({ byteLength: 100_000, pieces: broken(), free() {} }, {
    share,
    onGivenUp: () => assert.fail("it must not be given up"),
  });
  assert.ok(body instanceof ReadableStream);
  const taking = body.getReader();
  await taking.read();
  await assert.rejects(taking.read(), RangeError);
  assert.equal(buffers.held.answers, 0);
  answers.giveUpAll();
  assert.deepEqual([answers.givenUp, patience.waiting], [0, 0]);
});

Deno.test("createDeliveries() fails the stream of an answer that is shorter than its length", async () => {
  const answers = createDeliveries(byHand(1));
  const { body } = answers.begin(
    { byteLength: 200_000, pieces: ["x".repeat(70_000)], free() {} },
    {
      share: createBuffers(Infinity).open(),
      onGivenUp: () => assert.fail("it must not be given up"),
    },
  );
  assert.ok(body instanceof ReadableStream);
  await assert.rejects(new Response(body).text(), /shorter than its length says/);
});

Deno.test("createDeliveries() gives up an answer of which nothing is taken in time, and releases it", async () => {
  const answer = setUp(10);
  const taking = reader(answer);
  await taking.read();
  answer.patience.over();
  assert.deepEqual(answer.givenUp, ["answer_timeout"]);
  assert.ok(answer.state.ended);
  assert.equal(answer.buffers.held.answers, 0);
  await assert.rejects(taking.read(), (reason) => reason === givenUpError);
  assert.equal(answer.answers.givenUp, 1);
  answer.answers.giveUpAll();
  assert.equal(answer.answers.givenUp, 1, "it was given up before");
});

Deno.test("createDeliveries() restarts the client's timeout with each piece that is taken", async () => {
  const answer = setUp(10);
  const taking = reader(answer);
  const first = answer.patience.waiting;
  for (let part = await taking.read(); !part.done; part = await taking.read()) {
    assert.ok(answer.patience.waiting <= 1, "one wait at a time");
  }
  assert.equal(first, 1);
  answer.handedOver();
  answer.patience.over();
  assert.deepEqual(answer.givenUp, []);
});

Deno.test("createDeliveries() releases the answer of a client that disconnects, without giving it up", async () => {
  const answer = setUp(10);
  await reader(answer).cancel();
  assert.ok(answer.state.ended);
  assert.equal(answer.buffers.held.answers, 0);
  assert.equal(answer.patience.waiting, 0);
  answer.answers.giveUpAll();
  assert.deepEqual([answer.givenUp, answer.answers.givenUp], [[], 0]);
});

Deno.test("giveUpAll() gives up every answer that is still to be taken", () => {
  const answer = setUp(10);
  answer.answers.giveUpAll();
  assert.deepEqual(answer.givenUp, ["shutdown"]);
  assert.equal(answer.buffers.held.answers, 0);
  assert.equal(answer.patience.waiting, 0);
});

Deno.test("setTimeouts() holds for answers that begin afterwards; the others keep their timeouts", async () => {
  const running = setUp(10);
  const later = byHand(2);
  running.answers.setTimeouts(later);
  const taking = reader(running);
  await taking.read();
  assert.deepEqual([running.patience.waiting, later.waiting], [1, 0]);
  const share = createBuffers(Infinity).open();
  const causes: string[] = [];
  running.answers.begin(
    { byteLength: 100_000, pieces: ["x".repeat(100_000)], free() {} },
    { share, onGivenUp: (cause) => void causes.push(cause) },
  );
  assert.deepEqual([running.patience.waiting, later.waiting], [1, 1]);
  later.over();
  assert.deepEqual([causes, running.givenUp], [["answer_timeout"], []]);
  running.patience.over();
  assert.deepEqual(running.givenUp, ["answer_timeout"]);
  await assert.rejects(taking.read(), (reason) => reason === givenUpError);
});
