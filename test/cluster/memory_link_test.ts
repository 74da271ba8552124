import assert from "node:assert/strict";
import { acknowledgements, giveBack, type Incoming, offerOf } from "../../src/cluster/link.ts";
import {
  type BreakableLinks,
  type LinkBody,
  testBrokenLink,
  testLink,
} from "../support/link_suite.ts";
import { createMemoryServer } from "../support/memory_link.ts";
import { nextTurn } from "../support/turn.ts";
import { createVirtualClock } from "../support/virtual_clock.ts";

const body: LinkBody<BreakableLinks> = {
  name: "memory link",
  ackWaitMs: 5000,
  open() {
    const clock = createVirtualClock();
    const server = createMemoryServer(clock);
    return {
      connect: () => Promise.resolve(server.connect()),
      pass: clock.pass,
      cut: server.cut,
      mend: server.mend,
      restart() {
        server.stop();
        server.start();
      },
      [Symbol.asyncDispose]() {
        server[Symbol.dispose]();
        return Promise.resolve();
      },
    };
  },
};

testLink(body);
testBrokenLink(body);

type Stage = Awaited<ReturnType<typeof stage>>;

const noData = new Uint8Array();
const unavailable = { name: "LinkError", trouble: "unavailable" };
const full = { name: "LinkError", trouble: "full" };

/** A server with a stream for two messages and two connections, one of which notes what it receives for its pulls. */
async function stage() {
  const clock = createVirtualClock();
  const server = createMemoryServer(clock);
  const [front, executor] = [server.connect(), server.connect()];
  await front.ensure({
    stream: "S",
    subject: "job",
    maxMessages: 2,
    ackWaitMs: 5000,
    storage: "file",
    replicas: 1,
  });
  const received: Incoming[] = [];
  executor.subscribe("pull.*", (message) => received.push(message));
  return {
    clock,
    server,
    front,
    executor,
    received,
    store: (id: string) => front.store("job", noData, { id, timeoutMs: 1000 }),
    pull: (expiresMs: number) => executor.pull("S", "pull.1", expiresMs),
    /** Numbers and attempts of the messages that came in, and the statuses. */
    offers: () =>
      received.map(({ reply, status }) => {
        const { sequence, attempt } = offerOf(reply) ?? {};
        return status === 0 ? `${sequence} ${attempt}` : String(status);
      }),
    [Symbol.dispose]: () => server[Symbol.dispose](),
  };
}

function test(promise: string, act: (stage: Stage) => Promise<void> | void): void {
  Deno.test(`memory server: ${promise}`, async () => {
    using prepared = await stage();
    await act(prepared);
  });
}

test("times are exact", async ({ clock, executor, received, store, pull, offers }) => {
  await store("one");
  pull(10_000);
  pull(10_000);
  await clock.pass(4999);
  assert.deepEqual(offers(), ["1 1"]);
  await clock.pass(1);
  assert.deepEqual(offers(), ["1 1", "1 2"]);
  executor.publish(received[1]?.reply ?? "", acknowledgements.working);
  pull(10_000);
  await clock.pass(4999);
  assert.equal(received.length, 2);
  await clock.pass(1);
  assert.deepEqual(offers(), ["1 1", "1 2", "1 3"]);
  executor.publish(received[2]?.reply ?? "", giveBack(700));
  pull(699);
  pull(700.5);
  await clock.pass(699);
  assert.deepEqual(offers(), ["1 1", "1 2", "1 3", "408"]);
  await clock.pass(1);
  assert.deepEqual(offers(), ["1 1", "1 2", "1 3", "408", "1 4"]);
});

test("an acknowledgement frees its place only when it is confirmed", async ({ front, executor, received, store, pull }) => {
  await store("one");
  await store("two");
  pull(1000);
  await nextTurn();
  const reply = received[0]?.reply ?? "";
  const confirmed = new Promise((resolve) => front.subscribe("acked", resolve));
  executor.publish(reply, acknowledgements.done, "acked");
  await assert.rejects(store("three"), full);
  await confirmed;
  assert.equal(await store("three"), 3);
});

test("store() whose answer is lost has happened", async ({ clock, server, front, store }) => {
  const lost = assert.rejects(store("one"), unavailable);
  server.cut(front);
  await clock.pass(1000);
  await lost;
  server.mend(front);
  assert.equal(await store("one"), 1);
  assert.deepEqual(await front.size("S"), { messages: 1, maxMessages: 2 });
});

test("store() forgets an id after two minutes", async ({ clock, store }) => {
  await store("one");
  await clock.pass(119_999);
  assert.equal(await store("one"), 1);
  await clock.pass(1);
  assert.equal(await store("one"), 2);
});

test("a connection that was cut unnoticed swallows a message and does not answer", async ({ clock, server, front, executor, store, pull, offers }) => {
  executor.subscribe("ask", ({ reply }) => executor.publish(reply, noData));
  pull(60_000);
  server.cut(executor, "unnoticed");
  const failed = assert.rejects(front.request("ask", noData, 500), unavailable);
  await store("one");
  await clock.pass(500);
  await failed;
  assert.deepEqual(offers(), []);
  server.mend(executor);
  pull(60_000);
  await clock.pass(4500);
  assert.deepEqual(offers(), ["1 2"]);
});

test("start() makes the connections again that were not cut", ({ server, front, executor }) => {
  server.cut(front);
  server.stop();
  const late = server.connect();
  assert.deepEqual(
    [late.connected, late.connections, late.connectedAt, late.serverVersion],
    [false, 0, -Infinity, undefined],
  );
  server.start();
  assert.deepEqual([front, executor, late].map(({ connected }) => connected), [false, true, true]);
  server.mend(front);
  assert.deepEqual([front, executor, late].map(({ connections }) => connections), [2, 2, 1]);
});

test("messages whose time is over come again in their order, without those that have left", async (stage) => {
  const { clock, front, store, pull, offers } = stage;
  await front.setMaxMessages("S", 3);
  for (const id of ["one", "two", "three"]) {
    await store(id);
    pull(1000);
    await clock.pass(100);
  }
  await clock.pass(5000);
  await front.remove("S", 2);
  pull(1000);
  pull(1000);
  await clock.pass(1000);
  assert.deepEqual(offers(), ["1 1", "2 1", "3 1", "1 2", "3 2"]);
});

test("stop() loses pulls and what is on its way", async ({ clock, server, executor, store, pull, offers }) => {
  const heard: string[] = [];
  executor.subscribe("x", ({ subject }) => heard.push(subject));
  pull(60_000);
  executor.publish("x", noData);
  server.stop();
  server.start();
  await store("one");
  await clock.pass(60_000);
  assert.deepEqual([heard, offers()], [[], []]);
});

test("stop() makes the server forget a connection that was cut unnoticed", async ({ server, front, executor }) => {
  executor.subscribe("ask", () => {});
  server.cut(executor, "unnoticed");
  server.stop();
  server.start();
  const none = { name: "LinkError", trouble: "no_responders" };
  await assert.rejects(front.request("ask", noData, 500), none);
});

test("store() that is cut and mended before its answer has none", async ({ clock, server, front, store }) => {
  const lost = assert.rejects(store("one"), unavailable);
  server.cut(front);
  server.mend(front);
  await clock.pass(1000);
  await lost;
});

test("close() ends what waits for an answer", async ({ front, executor }) => {
  executor.subscribe("ask", () => {});
  const failed = assert.rejects(front.request("ask", noData, 500), unavailable);
  await front.close();
  await failed;
});

Deno.test("memory server: without a clock of its own it goes by the real time", async () => {
  using server = createMemoryServer();
  const link = server.connect();
  link.subscribe("ask", () => {});
  const askedAt = performance.now();
  assert.ok(link.connectedAt <= askedAt);
  await assert.rejects(link.request("ask", noData, 5), unavailable);
  assert.ok(performance.now() - askedAt >= 4);
});
