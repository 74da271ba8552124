import assert from "node:assert/strict";
import fc from "fast-check";
import { type Channel, createChannel } from "../../src/async/channel.ts";

/** Takes what waits now, without waiting for more: the channel must be closed or hold `count` items. */
async function take<T>(channel: Channel<T>, count: number): Promise<T[]> {
  const taken: T[] = [];
  if (count === 0) return taken;
  for await (const item of channel) {
    taken.push(item);
    if (taken.length === count) break;
  }
  return taken;
}

Deno.test("a full channel says so at once and takes again when a place is free", async () => {
  const channel = createChannel<string>(1);
  assert.equal(channel.trySend("a"), "accepted");
  assert.equal(channel.trySend("b"), "full");
  assert.deepEqual(await take(channel, 1), ["a"]);
  assert.equal(channel.trySend("c"), "accepted");
});

Deno.test("capacity 0 hands over to receivers that wait, and to nobody else", async () => {
  const channel = createChannel<string>(0);
  assert.equal(channel.trySend("nobody waits"), "full");
  const received = take(channel, 1);
  assert.equal(channel.trySend("a"), "accepted");
  assert.equal(channel.trySend("b"), "full");
  assert.deepEqual(await received, ["a"]);
});

Deno.test("an aborted signal frees the place at once, and only while the item waits", async () => {
  const channel = createChannel<string>(2);
  const leaver = new AbortController();
  const stayer = new AbortController();
  channel.trySend("leaves", leaver.signal);
  channel.trySend("stays", stayer.signal);
  leaver.abort();
  assert.equal(channel.length, 1);
  assert.equal(channel.trySend("next"), "accepted");
  assert.deepEqual(await take(channel, 1), ["stays"]);
  stayer.abort();
  assert.equal(channel.length, 1, "a signal aborted after delivery takes nobody's place");
  assert.equal(channel.trySend("too late", AbortSignal.abort()), "left");
  assert.equal(channel.length, 1);
});

Deno.test("close drains: nothing more is taken, what waits is delivered, receivers end", async () => {
  const channel = createChannel<number>(3);
  channel.trySend(1);
  channel.trySend(2);
  channel.close();
  channel.close();
  assert.equal(channel.trySend(3), "closed");
  assert.deepEqual(await Array.fromAsync(channel), [1, 2]);
});

Deno.test("close ends receivers that wait", async () => {
  const channel = createChannel<number>(3);
  const waiting = [Array.fromAsync(channel), Array.fromAsync(channel)];
  channel.close();
  assert.deepEqual(await Promise.all(waiting), [[], []]);
});

Deno.test("a capacity that is no whole number is refused", () => {
  for (const capacity of [-1, 1.5, NaN, Infinity]) {
    assert.throws(() => createChannel(capacity), RangeError);
  }
});

/** What can happen to a channel, in any order. */
const steps = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.constant({ do: "send" } as const) },
    { weight: 4, arbitrary: fc.constant({ do: "receive" } as const) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("leave" as const), which: fc.nat() }) },
  ),
  { maxLength: 200 },
);

Deno.test("whatever happens, the channel behaves like a bounded list and a list of receivers", async () => {
  await fc.assert(fc.asyncProperty(fc.nat({ max: 5 }), steps, async (capacity, script) => {
    const channel = createChannel<number>(capacity);
    const receiver = channel[Symbol.asyncIterator]();
    const model: number[] = [];
    const expected: number[] = [];
    const receipts: Promise<IteratorResult<number>>[] = [];
    const signals = new Map<number, AbortController>();
    let receiversWaiting = 0;
    let sent = 0;
    for (const step of script) {
      switch (step.do) {
        case "send": {
          const item = sent++;
          const controller = new AbortController();
          const outcome = channel.trySend(item, controller.signal);
          if (receiversWaiting > 0) {
            receiversWaiting--;
            expected.push(item);
          } else if (model.length < capacity) {
            model.push(item);
            signals.set(item, controller);
          } else {
            assert.equal(outcome, "full");
            break;
          }
          assert.equal(outcome, "accepted");
          break;
        }
        case "receive": {
          receipts.push(receiver.next());
          const next = model.shift();
          if (next === undefined) receiversWaiting++;
          else expected.push(next);
          break;
        }
        case "leave": {
          const item = model[step.which % Math.max(1, model.length)];
          if (item === undefined) break;
          model.splice(model.indexOf(item), 1);
          signals.get(item)?.abort();
        }
      }
      assert.equal(channel.length, model.length);
      assert.ok(channel.length <= capacity);
    }
    channel.close();
    const delivered = (await Promise.all(receipts)).filter((receipt) => !receipt.done).map((
      receipt,
    ) => receipt.value);
    assert.deepEqual(delivered, expected, "first in, first out; nothing lost, nothing twice");
    assert.deepEqual(
      await Array.fromAsync(channel),
      model,
      "what waited is still delivered after close",
    );
  }));
});
