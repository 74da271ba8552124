import assert from "node:assert/strict";
import fc from "fast-check";
import { createChannel } from "../../src/async/channel.ts";

Deno.test("send() hands the item to the receiver that has waited longest, or keeps it when none waits", async () => {
  const channel = createChannel<string>();
  const received = [channel.receive(), channel.receive()];
  assert.equal(channel.send("a"), undefined);
  assert.equal(channel.send("b"), undefined);
  assert.equal(typeof channel.send("c"), "function");
  assert.equal(channel.length, 1);
  assert.equal(channel.first, "c");
  assert.deepEqual(await Promise.all(received), ["a", "b"]);
  assert.equal(await channel.receive(), "c");
  assert.equal(channel.first, undefined);
});

Deno.test('send() with "before" makes the item the next one received', async () => {
  const channel = createChannel<string>();
  channel.send("second");
  channel.send("first", "before");
  channel.send("third");
  assert.equal(channel.first, "first");
  const received = [await channel.receive(), await channel.receive(), await channel.receive()];
  assert.deepEqual(received, ["first", "second", "third"]);
});

Deno.test("send() returns a function that takes the item out from between two others", async () => {
  const channel = createChannel<string>();
  const leave = channel.send("leaves");
  channel.send("first", "before");
  channel.send("last");
  leave?.();
  assert.deepEqual([await channel.receive(), await channel.receive()], ["first", "last"]);
});

Deno.test("send() returns a function that takes the item out only while it waits", async () => {
  const channel = createChannel<string>();
  const leave = channel.send("leaves");
  const stay = channel.send("stays");
  leave?.();
  leave?.();
  assert.equal(channel.length, 1);
  assert.equal(await channel.receive(), "stays");
  channel.send("next");
  stay?.();
  assert.equal(channel.length, 1, "a received item takes no other one out");
});

Deno.test("close() refuses further items, delivers the waiting ones, then ends receivers", async () => {
  const channel = createChannel<number>();
  channel.send(1);
  channel.send(2);
  channel.close();
  channel.close();
  assert.throws(() => channel.send(3), /closed/);
  assert.deepEqual([await channel.receive(), await channel.receive()], [1, 2]);
  assert.equal(await channel.receive(), undefined);
});

Deno.test("close() ends waiting receivers", async () => {
  const channel = createChannel<number>();
  const waiting = [channel.receive(), channel.receive()];
  channel.close();
  assert.deepEqual(await Promise.all(waiting), [undefined, undefined]);
});

Deno.test("recall() lets those receivers go that do not stay, and the others wait on in their order", async () => {
  const channel = createChannel<string>();
  let leaving = false;
  const received = [
    channel.receive(),
    channel.receive(() => !leaving),
    channel.receive(() => true),
    channel.receive(() => !leaving),
  ];
  channel.recall();
  assert.equal(channel.receivers, 4);
  leaving = true;
  assert.equal(channel.receivers, 4, "nobody was asked");
  channel.recall();
  assert.equal(channel.receivers, 2);
  for (const item of ["a", "b", "c"]) channel.send(item);
  assert.deepEqual(await Promise.all(received), ["a", undefined, "b", undefined]);
  assert.equal(channel.first, "c");
});

Deno.test("recall() does not take an item back from the receiver that it was sent to", async () => {
  const channel = createChannel<string>();
  let leaving = false;
  const received = channel.receive(() => !leaving);
  channel.send("a");
  leaving = true;
  channel.recall();
  assert.equal(await received, "a");
});

Deno.test("receive() gives no item to a receiver that does not stay", async () => {
  const channel = createChannel<string>();
  assert.equal(await channel.receive(() => false), undefined);
  assert.equal(channel.receivers, 0);
  channel.send("a");
  assert.equal(await channel.receive(() => false), undefined);
  assert.equal(channel.first, "a");
});

/** What can happen to a channel, in any order. */
const steps = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.constant({ do: "send" } as const) },
    { weight: 1, arbitrary: fc.constant({ do: "send before" } as const) },
    { weight: 4, arbitrary: fc.constant({ do: "receive" } as const) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("leave" as const), which: fc.nat() }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("recall" as const), which: fc.nat() }) },
  ),
  { maxLength: 200 },
);

Deno.test("createChannel() behaves like a list of items and a list of receivers after any steps", async () => {
  await fc.assert(fc.asyncProperty(steps, async (script) => {
    const channel = createChannel<number>();
    const model: number[] = [];
    const expected: number[] = [];
    const receipts: Promise<number | undefined>[] = [];
    const leaves = new Map<number, (() => void) | undefined>();
    const receivers: { leaves: boolean }[] = [];
    let sent = 0;
    for (const step of script) {
      switch (step.do) {
        case "send":
        case "send before": {
          const item = sent++;
          const before = step.do === "send before";
          leaves.set(item, channel.send(item, before ? "before" : "behind"));
          if (receivers.shift()) expected.push(item);
          else if (before) model.unshift(item);
          else model.push(item);
          break;
        }
        case "receive": {
          const receiver = { leaves: false };
          receipts.push(channel.receive(() => !receiver.leaves));
          const next = model.shift();
          if (next === undefined) receivers.push(receiver);
          else expected.push(next);
          break;
        }
        case "leave": {
          const item = model[step.which % Math.max(1, model.length)];
          if (item === undefined) break;
          model.splice(model.indexOf(item), 1);
          leaves.get(item)?.();
          break;
        }
        case "recall": {
          const [receiver] = receivers.splice(step.which % Math.max(1, receivers.length), 1);
          if (receiver) receiver.leaves = true;
          channel.recall();
        }
      }
      assert.equal(channel.receivers, receivers.length);
      assert.equal(channel.length, model.length);
      assert.equal(channel.first, model[0]);
    }
    channel.close();
    const delivered = (await Promise.all(receipts)).filter((item) => item !== undefined);
    assert.deepEqual(delivered, expected, "in order, none lost, none delivered twice");
    for (const item of [...model, undefined]) {
      assert.equal(await channel.receive(), item, "what waited is still received after close");
    }
  }));
});
