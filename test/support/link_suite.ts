/**
 * Tests of the connection's contract, for every implementation of it.
 *
 * @module
 */

import assert from "node:assert/strict";
import { createChannel } from "../../src/async/channel.ts";
import {
  acknowledgements,
  giveBack,
  type Incoming,
  type Link,
  type LinkTrouble,
  offerOf,
  type StreamSettings,
} from "../../src/cluster/link.ts";
import { eventually } from "./processes.ts";

/** One server, not a cluster of them, for one test; disposing of it closes the connections. */
export interface LinksUnderTest extends AsyncDisposable {
  /** Opens one more connection to it, and resolves when it is there. */
  connect(): Promise<Link>;
  /** Lets so many milliseconds go by, as the server and the connections count them. */
  pass(ms: number): Promise<void>;
}

/** A server whose connections can be lost. */
export interface BreakableLinks extends LinksUnderTest {
  /** Breaks a connection, so that both sides notice it, until it is mended. */
  cut(link: Link): Promise<void> | void;
  /** Lets a connection that was cut be made again. */
  mend(link: Link): Promise<void> | void;
  /** Ends the server, and starts it again. All connections are lost for a time. */
  restart(): Promise<void> | void;
}

/** One implementation of the contract. */
export interface LinkBody<Links extends LinksUnderTest = LinksUnderTest> {
  /** Its name, for the names of the tests. */
  readonly name: string;
  /** How long the server waits for an acknowledgement, in milliseconds: short if the time is real. */
  readonly ackWaitMs: number;
  /** Starts a server, or uses the one of other tests: no two tests share a subject or a stream. */
  open(): Promise<Links> | Links;
}

/** What a test has. */
interface Stage<Links> {
  readonly links: Links;
  /** Two connections. */
  readonly a: Link;
  readonly b: Link;
  /** The stream of this test, with room for three messages; its subject is this and `.job`. */
  readonly settings: StreamSettings;
  /** The beginning of all subjects of this test. */
  readonly root: string;
}

/** Messages in the order in which they came in. */
interface Inbox {
  /** Those that came in until now. */
  readonly received: readonly Incoming[];
  /** Resolves with the next one. */
  next(): Promise<Incoming>;
  /** Stops receiving. */
  close(): Promise<void>;
}

/** Long enough for whatever is expected to happen. */
const patienceMs = 20_000;

const noData = new Uint8Array();

function bytesOf(content: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(content);
}

function textOf(data: Uint8Array): string {
  return new TextDecoder().decode(data);
}

/** Asserts that something fails with a `LinkError` of this kind. */
function fails(doing: Promise<unknown>, trouble: LinkTrouble): Promise<void> {
  return assert.rejects(doing, { name: "LinkError", trouble });
}

/** Resolves when the server has dealt with everything that the connection has sent. */
function dealtWith(link: Link): Promise<void> {
  return fails(link.request(`nobody.${crypto.randomUUID()}`, noData, patienceMs), "no_responders");
}

async function listen(link: Link, subject: string): Promise<Inbox> {
  const received: Incoming[] = [];
  const channel = createChannel<Incoming>();
  const subscription = link.subscribe(subject, (message) => {
    received.push(message);
    channel.send(message);
  });
  if (link.connected) await dealtWith(link);
  return {
    received,
    async next() {
      const message = await channel.receive();
      assert.ok(message);
      return message;
    },
    close: () => subscription.close(),
  };
}

/** Puts a message into the stream of the test. */
function put({ a, settings }: Stage<unknown>, content: string): Promise<number> {
  return a.store(settings.subject, bytesOf(content), { id: content, timeoutMs: patienceMs });
}

/** Makes the stream, and puts messages into it. */
async function fill(stage: Stage<unknown>, ...contents: string[]): Promise<void> {
  await stage.a.ensure(stage.settings);
  for (const content of contents) await put(stage, content);
}

/** An inbox for one pull, and the pull. */
async function pulled(
  { settings, root }: Stage<unknown>,
  link: Link,
  expiresMs = patienceMs,
): Promise<Inbox> {
  const subject = `${root}.pull.${crypto.randomUUID()}`;
  const inbox = await listen(link, subject);
  link.pull(settings.stream, subject, expiresMs);
  await dealtWith(link);
  return inbox;
}

/** Pulls one message. */
async function takeFrom(stage: Stage<unknown>, link: Link): Promise<Incoming> {
  const inbox = await pulled(stage, link);
  const message = await inbox.next();
  await inbox.close();
  return message;
}

/** Acknowledges a message, and resolves when the server has confirmed that. */
async function acknowledge(
  { a, root }: Stage<unknown>,
  message: Incoming,
  how: Uint8Array<ArrayBuffer>,
): Promise<void> {
  const subject = `${root}.acked.${crypto.randomUUID()}`;
  const confirmed = await listen(a, subject);
  a.publish(message.reply, how, subject);
  await confirmed.next();
  await confirmed.close();
}

/** Content and attempt of a message of a stream. */
function describeOffer(message: Incoming): string {
  return `${textOf(message.data)} ${offerOf(message.reply)?.attempt}`;
}

async function messagesIn({ a, settings }: Stage<unknown>): Promise<number> {
  return (await a.size(settings.stream)).messages;
}

function declare<Links extends LinksUnderTest>(body: LinkBody<Links>) {
  return (promise: string, act: (stage: Stage<Links>) => Promise<void> | void) =>
    Deno.test(`${body.name}: ${promise}`, async () => {
      await using links = await body.open();
      const key = crypto.randomUUID();
      const root = `test.${key}`;
      await act({
        links,
        a: await links.connect(),
        b: await links.connect(),
        root,
        settings: {
          stream: `TEST_${key}`,
          subject: `${root}.job`,
          maxMessages: 3,
          ackWaitMs: body.ackWaitMs,
          storage: "memory",
          replicas: 1,
        },
      });
    });
}

/** Declares the tests of one implementation. */
export function testLink(body: LinkBody): void {
  testMessages(body);
  testStreams(body);
}

function testMessages(body: LinkBody): void {
  const test = declare(body);

  test("connect() gives a connection that knows its server", ({ a, b }) => {
    for (const link of [a, b]) {
      assert.ok(link.connected);
      assert.equal(link.connections, 1);
      assert.ok(link.connectedAt > 0);
      assert.match(link.serverVersion ?? "", /^\d+\.\d+\.\d+/);
      assert.ok(link.maxPayload >= 1024);
    }
  });

  test("publish() reaches each subscription once, also of its own connection", async ({ a, b, root }) => {
    const inboxes = [await listen(a, `${root}.x`), await listen(b, `${root}.x`)];
    a.publish(`${root}.x`, bytesOf("hello"), `${root}.answer`);
    for (const inbox of inboxes) {
      const message = await inbox.next();
      assert.deepEqual(message, {
        subject: `${root}.x`,
        reply: `${root}.answer`,
        data: bytesOf("hello"),
        status: 0,
      });
    }
    a.publish(`${root}.x`, noData);
    for (const inbox of inboxes) {
      assert.deepEqual(await inbox.next(), {
        subject: `${root}.x`,
        reply: "",
        data: noData,
        status: 0,
      });
    }
  });

  test("subscribe() knows the wildcards for one token and for all that follow", async ({ a, b, root }) => {
    const one = await listen(b, `${root}.*.x`);
    const all = await listen(b, `${root}.a.>`);
    const end = await listen(b, `${root}.end`);
    for (const subject of ["a", "a.x", "b.x", "a.b.x", "a.y", "end"]) {
      a.publish(`${root}.${subject}`, noData);
    }
    await end.next();
    const subjectsOf = ({ received }: Inbox) =>
      received.map(({ subject }) => subject.slice(root.length + 1));
    assert.deepEqual(subjectsOf(one), ["a.x", "b.x"]);
    assert.deepEqual(subjectsOf(all), ["a.x", "a.b.x", "a.y"]);
  });

  test("subscribe() receives the messages of a connection in order", async ({ a, b, root }) => {
    const inbox = await listen(b, `${root}.*`);
    for (let number = 0; number < 100; number++) {
      a.publish(`${root}.${number % 2}`, bytesOf(String(number)));
    }
    for (let number = 0; number < 100; number++) {
      assert.equal(textOf((await inbox.next()).data), String(number));
    }
  });

  test("subscribe() gives the memory of a message away", async ({ a, b, root }) => {
    const inboxes = [await listen(b, `${root}.x`), await listen(b, `${root}.x`)];
    a.publish(`${root}.x`, bytesOf("one"));
    a.publish(`${root}.x`, bytesOf("two"));
    const messages: Incoming[] = [];
    for (const inbox of inboxes) messages.push(await inbox.next(), await inbox.next());
    const contents: string[] = [];
    for (const { data } of messages) {
      contents.push(textOf(data));
      data.buffer.transfer(0);
    }
    assert.deepEqual(contents, ["one", "two", "one", "two"]);
  });

  test("close() of a subscription resolves after the messages that are on their way", async ({ a, root }) => {
    const inbox = await listen(a, `${root}.x`);
    for (const content of ["one", "two", "three"]) a.publish(`${root}.x`, bytesOf(content));
    await inbox.close();
    assert.deepEqual(inbox.received.map(({ data }) => textOf(data)), ["one", "two", "three"]);
    a.publish(`${root}.x`, bytesOf("four"));
    await dealtWith(a);
    await inbox.close();
    assert.equal(inbox.received.length, 3);
  });

  test("request() resolves with the answer", async ({ a, b, root }) => {
    b.subscribe(
      `${root}.ask`,
      ({ data, reply }) => b.publish(reply, bytesOf(`re ${textOf(data)}`)),
    );
    await dealtWith(b);
    const answers = await Promise.all(
      ["one", "two"].map((question) => a.request(`${root}.ask`, bytesOf(question), patienceMs)),
    );
    assert.deepEqual(answers.map(textOf), ["re one", "re two"]);
  });

  test("request() fails with no_responders if nobody listens, before its timeout", async ({ a, b, root }) => {
    await fails(a.request(`${root}.ask`, noData, patienceMs), "no_responders");
    const inbox = await listen(b, `${root}.ask`);
    await inbox.close();
    await fails(a.request(`${root}.ask`, noData, patienceMs), "no_responders");
  });

  test("request() fails with unavailable if no answer comes in time", async ({ links, a, b, root }) => {
    const inbox = await listen(b, `${root}.ask`);
    const failed = fails(a.request(`${root}.ask`, noData, 50), "unavailable");
    const { reply } = await inbox.next();
    await links.pass(50);
    await failed;
    b.publish(reply, bytesOf("late"));
    await dealtWith(b);
  });

  test("publish() and request() refuse a message that is too large", async ({ a, b, root }) => {
    const inbox = await listen(b, `${root}.x`);
    const tooLarge = new Uint8Array(a.maxPayload + 1);
    const refused = { name: "LinkError", trouble: "refused" };
    assert.throws(() => a.publish(`${root}.x`, tooLarge), refused);
    await assert.rejects(a.request(`${root}.x`, tooLarge, patienceMs), refused);
    a.publish(`${root}.x`, tooLarge.subarray(1));
    assert.equal((await inbox.next()).data.length, a.maxPayload);
  });

  test("close() sends what is still to be sent, then everything fails with unavailable", async (stage) => {
    const { a, b, root, settings } = stage;
    const inbox = await listen(b, `${root}.x`);
    for (const content of ["one", "two"]) a.publish(`${root}.x`, bytesOf(content));
    await a.close();
    assert.equal(textOf((await inbox.next()).data), "one");
    assert.equal(textOf((await inbox.next()).data), "two");
    assert.equal(a.connected, false);
    a.publish(`${root}.x`, noData);
    a.pull(settings.stream, `${root}.pull`, 1000);
    await a.subscribe(`${root}.x`, () => {}).close();
    await fails(a.request(`${root}.ask`, noData, 1000), "unavailable");
    await fails(put(stage, "one"), "unavailable");
    await fails(a.ensure(settings), "unavailable");
    await fails(a.size(settings.stream), "unavailable");
    await dealtWith(b);
    assert.equal(inbox.received.length, 2);
    await a.close();
  });
}

function testStreams(body: LinkBody): void {
  const test = declare(body);
  const { ackWaitMs } = body;

  test("ensure() makes a stream, and may be called twice and at once", async ({ a, b, settings }) => {
    await fails(a.size(settings.stream), "not_found");
    const limits = [3, 4, 5, 6];
    await Promise.all(limits.map((maxMessages) => {
      return (maxMessages % 2 ? a : b).ensure({ ...settings, maxMessages });
    }));
    assert.ok(limits.includes((await a.size(settings.stream)).maxMessages));
  });

  test("ensure() changes a stream, but not how many messages it may hold", async ({ a, b, settings }) => {
    await a.ensure(settings);
    await b.ensure({ ...settings, maxMessages: 1, ackWaitMs: ackWaitMs + 1 });
    await b.ensure({ ...settings, maxMessages: 5 });
    assert.deepEqual(await a.size(settings.stream), { messages: 0, maxMessages: 3 });
  });

  test("examine() reports the size of a stream, refuses what ensure() would, and makes and changes nothing", async ({ a, settings }) => {
    await fails(a.examine(settings), "not_found");
    await fails(a.size(settings.stream), "not_found");
    await a.ensure(settings);
    assert.deepEqual(await a.examine(settings), await a.size(settings.stream));
    await fails(a.examine({ ...settings, storage: "file" }), "refused");
    assert.deepEqual(await a.examine(settings), { messages: 0, maxMessages: 3 });
  });

  test("ensure() is refused another storage than that of the stream, in a sentence that names it", async ({ a, settings }) => {
    await a.ensure(settings);
    await assert.rejects(a.ensure({ ...settings, storage: "file" }), {
      name: "LinkError",
      trouble: "refused",
      message: /storage/,
    });
  });

  test("ensure() is refused more replicas than there are servers, and the limit holds", async (stage) => {
    const { a, settings } = stage;
    await fails(a.ensure({ ...settings, replicas: 3 }), "refused");
    await fill(stage, "one", "two", "three");
    await fails(a.ensure({ ...settings, replicas: 3 }), "refused");
    await fails(put(stage, "four"), "full");
  });

  test("store() numbers messages, and gives the same number for the same id", async (stage) => {
    await fill(stage);
    const { b, settings } = stage;
    assert.equal(await put(stage, "one"), 1);
    assert.equal(await put(stage, "two"), 2);
    assert.equal(await put(stage, "one"), 1);
    const again = { id: "two", timeoutMs: patienceMs };
    assert.equal(await b.store(settings.subject, bytesOf("other"), again), 2);
    assert.equal(await messagesIn(stage), 2);
  });

  test("store() fails with full exactly when there is no room, not for the same id", async (stage) => {
    await fill(stage, "one", "two", "three");
    await fails(put(stage, "four"), "full");
    assert.equal(await put(stage, "two"), 2, "an id that is there");
    await stage.b.remove(stage.settings.stream, 2);
    await put(stage, "four");
    await fails(put(stage, "five"), "full");
    assert.equal(await put(stage, "two"), 2, "an id that was removed");
  });

  test("store() takes exactly as many of many at once as there is room for", async (stage) => {
    await fill(stage);
    const { a, b, settings } = stage;
    const stored = await Promise.allSettled(Array.from({ length: 20 }, (_, number) => {
      const options = { id: String(number), timeoutMs: patienceMs };
      return (number % 2 ? a : b).store(settings.subject, noData, options);
    }));
    const refused = stored.filter((each) => each.status === "rejected");
    assert.equal(refused.length, 17);
    for (const { reason } of refused) assert.equal(reason.trouble, "full");
  });

  test("store() fails with no_responders without a stream", async (stage) => {
    await fails(put(stage, "one"), "no_responders");
  });

  test("pull() sends one message to each inbox, in order, with the subject of the stream", async (stage) => {
    const { b, settings } = stage;
    await fill(stage, "one");
    const first = await pulled(stage, b);
    const [second, third] = [await pulled(stage, b), await pulled(stage, b)];
    await put(stage, "two");
    await put(stage, "three");
    const messages = [await first.next(), await second.next(), await third.next()];
    assert.deepEqual(messages.map(describeOffer).sort(), ["one 1", "three 1", "two 1"]);
    assert.equal(describeOffer(messages[0] ?? assert.fail()), "one 1");
    for (const { subject, reply, status } of messages) {
      assert.equal(subject, settings.subject);
      assert.equal(status, 0);
      assert.ok(reply.startsWith(`$JS.ACK.`), reply);
    }
    assert.deepEqual(
      messages.map(({ reply }) => offerOf(reply)?.sequence).sort(),
      [1, 2, 3],
    );
    await dealtWith(b);
    for (const inbox of [first, second, third]) assert.equal(inbox.received.length, 1);
  });

  test("pull() gives each message to one machine", async (stage) => {
    const { a, b } = stage;
    await fill(stage);
    const inboxes = [await pulled(stage, a), await pulled(stage, b), await pulled(stage, a)];
    for (const content of ["one", "two", "three"]) await put(stage, content);
    const offers = await Promise.all(
      inboxes.map(async (inbox) => describeOffer(await inbox.next())),
    );
    assert.deepEqual(offers.sort(), ["one 1", "three 1", "two 1"]);
  });

  test("pull() sends the status 408 after its time", async (stage) => {
    await fill(stage);
    const inbox = await pulled(stage, stage.b, 100);
    await stage.links.pass(100);
    const { status, reply, data } = await inbox.next();
    assert.deepEqual({ status, reply, data }, { status: 408, reply: "", data: noData });
    await put(stage, "one");
    assert.equal(describeOffer(await takeFrom(stage, stage.a)), "one 1");
    assert.equal(inbox.received.length, 1);
  });

  test("pull() sends the status 503 without a stream", async (stage) => {
    const inbox = await pulled(stage, stage.b);
    assert.equal((await inbox.next()).status, 503);
  });

  test("pull() sends nothing to an inbox that was closed", async (stage) => {
    await fill(stage);
    const closed = await pulled(stage, stage.b);
    await closed.close();
    await put(stage, "one");
    assert.equal(describeOffer(await takeFrom(stage, stage.b)), "one 1");
    assert.equal(closed.received.length, 0);
  });

  test("an offered message takes its place until done, which the server confirms to the subject for replies", async (stage) => {
    const { a, b, root } = stage;
    await fill(stage, "one", "two", "three");
    const message = await takeFrom(stage, b);
    await fails(put(stage, "four"), "full");
    const front = await listen(a, `${root}.acked.*`);
    b.publish(message.reply, acknowledgements.done, `${root}.acked.one`);
    assert.equal((await front.next()).subject, `${root}.acked.one`);
    await put(stage, "four");
    b.publish(message.reply, acknowledgements.done, `${root}.acked.again`);
    assert.equal((await front.next()).subject, `${root}.acked.again`, "confirmed each time");
    assert.equal(await messagesIn(stage), 3);
  });

  test("a message that is not acknowledged in time is offered again, before later ones", async (stage) => {
    const { a, b, links } = stage;
    await fill(stage, "one");
    const first = await takeFrom(stage, b);
    const inbox = await pulled(stage, a);
    await links.pass(ackWaitMs);
    const second = await inbox.next();
    assert.deepEqual([first, second].map(describeOffer), ["one 1", "one 2"]);
    await acknowledge(stage, second, giveBack(0));
    await put(stage, "two");
    assert.equal(describeOffer(await takeFrom(stage, a)), "one 3");
    assert.equal(describeOffer(await takeFrom(stage, a)), "two 1");
  });

  test("done is good for every attempt", async (stage) => {
    const { a, b, links } = stage;
    await fill(stage, "one");
    const first = await takeFrom(stage, b);
    const inbox = await pulled(stage, a);
    await links.pass(ackWaitMs);
    assert.equal(describeOffer(await inbox.next()), "one 2");
    await acknowledge(stage, first, acknowledgements.done);
    assert.equal(await messagesIn(stage), 0);
  });

  test("working keeps a message from being offered again", async (stage) => {
    const { a, b, links } = stage;
    await fill(stage, "one", "two");
    const one = await takeFrom(stage, b);
    assert.equal(describeOffer(await takeFrom(stage, b)), "two 1");
    const inbox = await pulled(stage, a);
    while (inbox.received.length === 0) {
      b.publish(one.reply, acknowledgements.working);
      await links.pass(ackWaitMs / 5);
    }
    assert.equal(describeOffer(await inbox.next()), "two 2");
    const again = await pulled(stage, a);
    await links.pass(ackWaitMs);
    const offers = [describeOffer(await again.next()), describeOffer(await takeFrom(stage, a))];
    assert.deepEqual(offers.sort(), ["one 2", "two 3"]);
  });

  test("giveBack() with a delay offers a message again after it, others meanwhile", async (stage) => {
    const { b, links } = stage;
    await fill(stage, "one", "two");
    const delayMs = ackWaitMs / 2;
    await acknowledge(stage, await takeFrom(stage, b), giveBack(delayMs));
    const inbox = await pulled(stage, b);
    assert.equal(describeOffer(await inbox.next()), "two 1");
    await acknowledge(stage, inbox.received[0] ?? assert.fail(), acknowledgements.done);
    const again = await pulled(stage, b);
    await links.pass(delayMs);
    assert.equal(describeOffer(await again.next()), "one 2");
    assert.equal(await messagesIn(stage), 1);
  });

  test("drop takes a message out of the stream", async (stage) => {
    await fill(stage, "one", "two");
    await acknowledge(stage, await takeFrom(stage, stage.b), acknowledgements.drop);
    assert.equal(await messagesIn(stage), 1);
    assert.equal(describeOffer(await takeFrom(stage, stage.b)), "two 1");
  });

  test("read() returns a message that waits or was offered, and none that has left", async (stage) => {
    const { a, b, settings: { stream } } = stage;
    await fails(a.read(stream, 1), "not_found");
    await fill(stage, "one", "two");
    const message = await takeFrom(stage, b);
    assert.equal(textOf(await a.read(stream, 1)), "one");
    assert.equal(textOf(await b.read(stream, 2)), "two");
    await acknowledge(stage, message, acknowledgements.done);
    await fails(a.read(stream, 1), "not_found");
    await fails(a.read(stream, 3), "not_found");
  });

  test("remove() takes out a message that waits or was offered, and gives its place free", async (stage) => {
    const { a, b, links, settings: { stream } } = stage;
    await fails(a.remove(stream, 1), "not_found");
    await fill(stage, "one", "two", "three");
    const offered = await takeFrom(stage, b);
    await a.remove(stream, 1);
    await a.remove(stream, 2);
    await fails(a.remove(stream, 2), "not_found");
    assert.equal(await messagesIn(stage), 1);
    assert.equal(describeOffer(await takeFrom(stage, b)), "three 1");
    await acknowledge(stage, offered, acknowledgements.done);
    const inbox = await pulled(stage, b);
    await links.pass(ackWaitMs);
    assert.equal(
      describeOffer(await inbox.next()),
      "three 2",
      "what was removed is not offered again",
    );
  });

  test("setMaxMessages() changes the limit at once and removes nothing", async (stage) => {
    const { a, b, settings: { stream } } = stage;
    await fails(a.setMaxMessages(stream, 2), "not_found");
    await fill(stage, "one", "two", "three");
    await b.setMaxMessages(stream, 2);
    assert.deepEqual(await a.size(stream), { messages: 3, maxMessages: 2 });
    await a.remove(stream, 1);
    await fails(put(stage, "four"), "full");
    assert.equal(textOf(await a.read(stream, 2)), "two");
    await a.setMaxMessages(stream, 3);
    await put(stage, "four");
    await fails(put(stage, "five"), "full");
  });

  test("setMaxMessages() and ensure() leave room for one message at least", async (stage) => {
    const { a, settings } = stage;
    await a.ensure({ ...settings, maxMessages: 0 });
    assert.deepEqual(await a.size(settings.stream), { messages: 0, maxMessages: 1 });
    await a.setMaxMessages(settings.stream, 2);
    await a.setMaxMessages(settings.stream, 0);
    assert.deepEqual(await a.size(settings.stream), { messages: 0, maxMessages: 1 });
    await put(stage, "one");
    await fails(put(stage, "two"), "full");
  });
}

/** Declares the tests of one implementation whose connections can be lost. */
export function testBrokenLink(body: LinkBody<BreakableLinks>): void {
  const test = declare(body);
  const { ackWaitMs } = body;

  async function lose(links: BreakableLinks, link: Link): Promise<void> {
    await links.cut(link);
    await eventually("the connection is lost", () => !link.connected);
  }

  async function regain(links: BreakableLinks, link: Link): Promise<void> {
    await links.mend(link);
    await eventually("the connection is made again", () => link.connected);
  }

  async function restart(links: BreakableLinks, ...all: Link[]): Promise<void> {
    const before = all.map(({ connections }) => connections);
    await links.restart();
    await eventually(
      "all connections are made again",
      () =>
        all.every(({ connected, connections }, index) =>
          connected && connections > (before[index] ?? 0)
        ),
    );
  }

  test("onChange() reports each loss and each connection", async ({ links, a }) => {
    const states: boolean[] = [];
    a.onChange(() => states.push(a.connected));
    const { connectedAt } = a;
    await lose(links, a);
    assert.equal(a.connections, 1);
    assert.equal(a.connectedAt, connectedAt);
    await links.pass(1);
    await regain(links, a);
    assert.equal(a.connections, 2);
    assert.ok(a.connectedAt > connectedAt);
    assert.deepEqual(states, [false, true]);
  });

  test("everything fails with unavailable without a connection", async (stage) => {
    const { links, a, b, root, settings } = stage;
    await fill(stage, "one");
    await listen(b, `${root}.ask`);
    await lose(links, a);
    const doing = [
      a.request(`${root}.ask`, noData, patienceMs),
      put(stage, "two"),
      a.ensure(settings),
      a.setMaxMessages(settings.stream, 9),
      a.size(settings.stream),
      a.read(settings.stream, 1),
      a.remove(settings.stream, 1),
    ];
    await Promise.all(doing.map((each) => fails(each, "unavailable")));
    a.pull(settings.stream, `${root}.pull`, 1000);
    await a.subscribe(`${root}.x`, () => {}).close();
    assert.deepEqual(await b.size(settings.stream), { messages: 1, maxMessages: 3 });
  });

  test("request() fails with unavailable if the connection is lost before the answer", async ({ links, a, b, root }) => {
    const inbox = await listen(b, `${root}.ask`);
    const failed = fails(a.request(`${root}.ask`, noData, 500), "unavailable");
    await inbox.next();
    await lose(links, a);
    await links.pass(500);
    await failed;
  });

  test("subscribe() goes on over a reconnection; what was sent meanwhile is lost", async ({ links, a, b, root }) => {
    const [atA, atB] = [await listen(a, `${root}.a`), await listen(b, `${root}.b`)];
    await lose(links, b);
    const later = await listen(b, `${root}.b`);
    a.publish(`${root}.b`, bytesOf("lost"));
    b.publish(`${root}.a`, bytesOf("lost"));
    await dealtWith(a);
    await regain(links, b);
    await dealtWith(b);
    a.publish(`${root}.b`, bytesOf("kept"));
    b.publish(`${root}.a`, bytesOf("kept"));
    for (const inbox of [atA, atB, later]) {
      assert.equal(textOf((await inbox.next()).data), "kept");
    }
  });

  test("close() of a subscription is remembered over a reconnection", async ({ links, a, b, root }) => {
    const inbox = await listen(b, `${root}.x`);
    await lose(links, b);
    await inbox.close();
    await regain(links, b);
    await dealtWith(b);
    await fails(a.request(`${root}.x`, noData, patienceMs), "no_responders");
  });

  test("the messages of a machine that was lost are offered to another one", async (stage) => {
    const { links, a, b } = stage;
    await fill(stage, "one", "two");
    assert.equal(describeOffer(await takeFrom(stage, b)), "one 1");
    await lose(links, b);
    assert.equal(describeOffer(await takeFrom(stage, a)), "two 1");
    const inboxes = [await pulled(stage, a), await pulled(stage, a)];
    await links.pass(ackWaitMs);
    const offers = await Promise.all(
      inboxes.map(async (inbox) => describeOffer(await inbox.next())),
    );
    assert.deepEqual(offers.sort(), ["one 2", "two 2"]);
  });

  test("pull() of a machine that was lost gets no message, also not later", async (stage) => {
    const { links, a, b } = stage;
    await fill(stage);
    const lost = await pulled(stage, b);
    await lose(links, b);
    await dealtWith(a);
    await put(stage, "one");
    assert.equal(describeOffer(await takeFrom(stage, a)), "one 1");
    await regain(links, b);
    await put(stage, "two");
    assert.equal(describeOffer(await takeFrom(stage, b)), "two 1");
    assert.equal(lost.received.length, 0);
  });

  test("a stream in files survives the server, and offers again what was not acknowledged", async (stage) => {
    const { links, a, b } = stage;
    const settings = { ...stage.settings, storage: "file" as const };
    await a.ensure(settings);
    for (const content of ["one", "two"]) await put(stage, content);
    const message = await takeFrom(stage, b);
    assert.equal(describeOffer(message), "one 1");
    const before = await pulled(stage, b);
    assert.equal(describeOffer(await before.next()), "two 1");
    await acknowledge(stage, before.received[0] ?? assert.fail(), acknowledgements.done);
    await put(stage, "three");
    await restart(links, a, b);
    await a.ensure(settings);
    assert.deepEqual(await a.size(settings.stream), { messages: 2, maxMessages: 3 });
    assert.equal(await put(stage, "three"), 3, "the ids are known");
    const inboxes = [await pulled(stage, a), await pulled(stage, a)];
    await links.pass(ackWaitMs);
    const offers = await Promise.all(
      inboxes.map(async (inbox) => describeOffer(await inbox.next())),
    );
    assert.deepEqual(offers.sort(), ["one 2", "three 1"]);
    assert.equal(before.received.length, 1);
  });

  test("a stream in memory does not survive the server", async (stage) => {
    const { links, a, b, settings } = stage;
    await fill(stage, "one");
    const message = await takeFrom(stage, b);
    await restart(links, a, b);
    await fails(a.size(settings.stream), "not_found");
    await fails(put(stage, "two"), "no_responders");
    b.publish(message.reply, acknowledgements.done);
    await a.ensure(settings);
    assert.equal(await put(stage, "two"), 1);
    assert.equal(describeOffer(await takeFrom(stage, b)), "two 1");
  });
}
