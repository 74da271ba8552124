import assert from "node:assert/strict";
import { type BodyPart, storedBody } from "../../../src/http/answer/answer.ts";
import {
  createDeliveries,
  type GivenUpCause,
  givenUpError,
} from "../../../src/http/answer/delivery.ts";
import { someBytes, storedFile } from "../../support/answers.ts";
import { byHand } from "../../support/deadlines.ts";

/** A body of these parts that begins to be sent. */
function setUp(...parts: BodyPart[]) {
  const patience = byHand(1);
  const deliveries = createDeliveries(patience);
  const released = { share: 0, disk: 0 };
  const givenUp: GivenUpCause[] = [];
  const { body, handedOver } = deliveries.begin(storedBody(parts), {
    share: { release: () => void released.share++ },
    disk: { release: () => void released.disk++ },
    onGivenUp: (cause) => void givenUp.push(cause),
  });
  return { patience, deliveries, released, givenUp, body, handedOver };
}

function reader({ body }: ReturnType<typeof setUp>) {
  assert.ok(body instanceof ReadableStream);
  return body.getReader();
}

/** A file whose read ends when the test says so. */
function slowFile() {
  const reading = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const stored = storedFile(someBytes(70_000), {
    before() {
      begun.resolve();
      return reading.promise;
    },
  });
  return { ...stored, reading, begun };
}

const nothing = new Uint8Array();

const once = { share: 1, disk: 1 };

Deno.test("createDeliveries() makes up to 64 KiB of bytes in memory one piece, and holds nothing of it", () => {
  const { body, released, patience } = setUp(someBytes(40_000), someBytes(0), someBytes(25_536));
  assert.ok(body instanceof Uint8Array);
  assert.deepEqual(body.subarray(0, 40_000), someBytes(40_000));
  assert.deepEqual(body.subarray(40_000), someBytes(25_536));
  assert.deepEqual([released, patience.waiting], [once, 0]);
});

Deno.test("createDeliveries() reads a file in pieces of 256 KiB, each when it is asked for", async () => {
  const { file, state } = storedFile(someBytes(600_000));
  const answer = setUp(someBytes(10), file, someBytes(5));
  const taking = reader(answer);
  assert.deepEqual(state.reads, []);
  assert.equal((await taking.read()).value?.length, 10);
  assert.deepEqual(state.reads, []);
  const pieces = [(await taking.read()).value?.slice() ?? nothing];
  assert.deepEqual(state.reads, [262_144]);
  for (let piece = await taking.read(); !piece.done; piece = await taking.read()) {
    pieces.push(piece.value.slice());
  }
  assert.deepEqual(state.reads, [262_144, 262_144, 600_000 - 2 * 262_144]);
  const bytes = await new Blob(pieces).bytes();
  assert.deepEqual(bytes.subarray(0, 600_000), someBytes(600_000));
  assert.deepEqual(bytes.subarray(600_000), someBytes(5));
  assert.deepEqual([state.closed, answer.released], [1, once]);
  answer.handedOver();
  assert.deepEqual([state.closed, answer.released, answer.patience.waiting], [1, once, 0]);
});

Deno.test("createDeliveries() frees a piece of a file when the next one is asked for", async () => {
  const answer = setUp(storedFile(someBytes(600_000)).file, someBytes(5));
  const taking = reader(answer);
  const { value: first } = await taking.read();
  assert.equal(first?.length, 262_144);
  const { value: second } = await taking.read();
  assert.deepEqual([first.length, first.buffer.detached, second?.length], [0, true, 262_144]);
  await taking.cancel();
});

Deno.test("createDeliveries() streams a short file, and an empty one takes no read", async () => {
  const [short, empty] = [storedFile(someBytes(3)), storedFile(someBytes(0))];
  const answer = setUp(empty.file, short.file);
  assert.deepEqual(await new Response(answer.body).bytes(), someBytes(3));
  assert.deepEqual([short.state, empty.state], [{ closed: 1, reads: [3] }, {
    closed: 1,
    reads: [],
  }]);
});

Deno.test("createDeliveries() does not count the time of the disk", async () => {
  const { reading, begun, file } = slowFile();
  const answer = setUp(file);
  assert.equal(answer.patience.waiting, 1, "for the client, which has not read yet");
  const piece = reader(answer).read();
  await begun.promise;
  assert.equal(answer.patience.waiting, 0);
  reading.resolve();
  await piece;
  assert.equal(answer.patience.waiting, 1, "the client may not have read the last piece");
  answer.patience.over();
  assert.deepEqual(answer.givenUp, ["answer_timeout"]);
});

Deno.test("createDeliveries() fails the stream of a file that ends early, and closes all files", async () => {
  const [other, cut] = [storedFile(someBytes(70_000)), storedFile(someBytes(4), { length: 9 })];
  const answer = setUp(cut.file, other.file);
  await assert.rejects(new Response(answer.body).bytes(), /shorter than its length says/);
  assert.deepEqual([other.state.closed, cut.state.closed, answer.released], [1, 1, once]);
  assert.deepEqual([answer.patience.waiting, answer.givenUp], [0, []]);
});

Deno.test("createDeliveries() fails the stream of a file that cannot be read", async () => {
  const { file, state } = storedFile(someBytes(70_000), {
    before: () => Promise.reject(new Error("EIO")),
  });
  const answer = setUp(file);
  await assert.rejects(reader(answer).read(), /EIO/);
  assert.deepEqual([state.closed, answer.released, answer.deliveries.givenUp], [1, once, 0]);
});

Deno.test("createDeliveries() closes the files of a client that disconnects, also while one is read", async () => {
  const { reading, begun, file, state } = slowFile();
  const answer = setUp(file);
  const taking = reader(answer);
  const piece = taking.read();
  await begun.promise;
  await taking.cancel();
  assert.deepEqual([state.closed, answer.released], [1, once]);
  reading.resolve();
  assert.ok((await piece).done);
  answer.handedOver();
  answer.deliveries.giveUpAll();
  assert.deepEqual([state.closed, answer.released, answer.givenUp], [1, once, []]);
});

Deno.test("createDeliveries() closes the files of an answer that is given up while one is read", async () => {
  const { reading, begun, file, state } = slowFile();
  const answer = setUp(file);
  const piece = reader(answer).read();
  await begun.promise;
  answer.deliveries.giveUpAll();
  await assert.rejects(piece, (reason) => reason === givenUpError);
  reading.resolve();
  await reading.promise;
  assert.deepEqual([state.closed, answer.released, answer.givenUp], [1, once, ["shutdown"]]);
});

Deno.test("createDeliveries() closes the files of an answer that the client never begins to take", () => {
  const { file, state } = storedFile(someBytes(70_000));
  const answer = setUp(file);
  answer.handedOver();
  assert.equal(state.closed, 0);
  answer.patience.over();
  assert.deepEqual([state, answer.released], [{ closed: 1, reads: [] }, once]);
  assert.deepEqual(answer.givenUp, ["answer_timeout"]);
});

Deno.test("createDeliveries() breaks the connection of an answer whose file ends early", async () => {
  const server = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen() {},
    onError: () => new Response(null, { status: 500 }),
  }, () => {
    const answer = setUp(storedFile(someBytes(100_000), { length: 200_000 }).file);
    return new Response(answer.body, { headers: { "content-length": "200000" } });
  });
  const response = fetch(`http://127.0.0.1:${server.addr.port}/`);
  // Before or after the head.
  await assert.rejects(response.then((response) => response.bytes()), TypeError);
  await server.shutdown();
});
