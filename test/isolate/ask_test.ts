import assert from "node:assert/strict";
import {
  type Ability,
  type Answer,
  type Answerers,
  askHere,
  createAnswering,
  createAsker,
  type Question,
  shared,
} from "../../src/isolate/ask.ts";

interface Sums {
  readonly add: Ability<readonly [number, number], number>;
  readonly negate: Ability<number, number>;
  readonly reset: Ability<void, void>;
}

const sums: Answerers<Sums> = {
  add: ([left, right]) => left + right,
  negate: (number) => Promise.resolve(-number),
  reset() {},
};

/** An asker, and what it has sent. */
function asker() {
  const sent: Question<Sums>[] = [];
  const { ask, answered } = createAsker<Sums>((question) => void sent.push(question));
  return { ask, answered, sent };
}

/** The value of a promise that is settled by now, else `"open"`. */
async function now<T>(promise: Promise<T>): Promise<T | "open"> {
  return await Promise.race([promise, Promise.resolve("open" as const)]);
}

Deno.test("ask() resolves with the answer of the other isolate's answerer", async () => {
  const { port1, port2 } = new MessageChannel();
  const { ask, answered } = createAsker<Sums>((question) => port1.postMessage(question));
  const answer = createAnswering(sums, (answer) => port2.postMessage(answer));
  port1.onmessage = ({ data }: MessageEvent<Answer<Sums>>) => answered(data);
  port2.onmessage = ({ data }: MessageEvent<Question<Sums>>) => void answer(data);
  assert.deepEqual(
    await Promise.all([ask("negate", 5), ask("add", [1, 2]), ask("reset"), ask("add", [3, 4])]),
    [-5, 3, undefined, 7],
  );
  port1.close();
  port2.close();
});

Deno.test("ask() numbers its questions over all kinds, in order", () => {
  const { ask, sent } = asker();
  ask("add", [1, 2]);
  ask("reset");
  ask("negate", 1);
  assert.deepEqual(sent, [
    { type: "ask", kind: "add", id: 1, value: [1, 2] },
    { type: "ask", kind: "reset", id: 2, value: undefined },
    { type: "ask", kind: "negate", id: 3, value: 1 },
  ]);
});

Deno.test("answered() resolves the question with the answer's id, whatever the order", async () => {
  const { ask, answered } = asker();
  const [first, second] = [ask("negate", 1), ask("negate", 2)];
  answered({ type: "answer", kind: "negate", id: 2, value: -2 });
  assert.deepEqual([await now(first), await second], ["open", -2]);
  answered({ type: "answer", kind: "negate", id: 1, value: -1 });
  assert.equal(await first, -1);
});

Deno.test("answered() ignores an answer of another kind, and the question stays open", async () => {
  const { ask, answered } = asker();
  const question = ask("negate", 1);
  answered({ type: "answer", kind: "add", id: 1, value: 5 });
  answered({ type: "answer", kind: "toString" as "add", id: 1, value: 5 });
  assert.equal(await now(question), "open");
  answered({ type: "answer", kind: "negate", id: 1, value: -1 });
  assert.equal(await question, -1);
});

Deno.test("answered() ignores an id that is unknown or was answered before", async () => {
  const { ask, answered } = asker();
  answered({ type: "answer", kind: "negate", id: 1, value: 5 });
  const question = ask("negate", 1);
  for (const id of [0, 2, NaN, "1" as unknown as number]) {
    answered({ type: "answer", kind: "negate", id, value: 5 });
  }
  assert.equal(await now(question), "open");
  for (const value of [-1, 5]) answered({ type: "answer", kind: "negate", id: 1, value });
  assert.equal(await question, -1);
});

Deno.test("createAnswering() sends an answer with its question's kind and id, when there is one", async () => {
  const sent: Answer<Sums>[] = [];
  const adding = Promise.withResolvers<number>();
  const answer = createAnswering<Sums>(
    { ...sums, add: () => adding.promise },
    (answer) => void sent.push(answer),
  );
  const added = answer({ type: "ask", kind: "add", id: 4, value: [1, 2] });
  await answer({ type: "ask", kind: "negate", id: 2, value: 7 });
  assert.deepEqual(sent, [{ type: "answer", kind: "negate", id: 2, value: -7 }]);
  adding.resolve(3);
  await added;
  assert.deepEqual(sent[1], { type: "answer", kind: "add", id: 4, value: 3 });
});

Deno.test("createAnswering() rejects with the error of its answerer, and sends nothing", async () => {
  const answer = createAnswering<Sums>({
    ...sums,
    add() {
      throw new Error("no sum");
    },
    negate: () => Promise.reject(new Error("no number")),
  }, () => assert.fail("nothing is sent"));
  const failing = [
    [{ type: "ask", kind: "add", id: 1, value: [1, 2] }, "no sum"],
    [{ type: "ask", kind: "negate", id: 2, value: 1 }, "no number"],
  ] as const;
  for (const [question, message] of failing) await assert.rejects(answer(question), { message });
});

Deno.test("askHere() calls the answerers directly, and rejects when one throws", async () => {
  const ask = askHere<Sums>({
    ...sums,
    reset() {
      throw new Error("no reset");
    },
  });
  assert.deepEqual([await ask("add", [1, 2]), await ask("negate", 3)], [3, -3]);
  await assert.rejects(ask("reset"), { message: "no reset" });
});

Deno.test("shared() gives one answer to all callers while the question is open, then asks again", async () => {
  const { ask, answered, sent } = asker();
  const reset = shared(() => ask("negate", 1));
  const first = [reset(), reset(), reset()];
  assert.equal(sent.length, 1);
  answered({ type: "answer", kind: "negate", id: 1, value: 5 });
  assert.deepEqual(await Promise.all(first), [5, 5, 5]);
  const next = reset();
  assert.equal(sent.length, 2);
  answered({ type: "answer", kind: "negate", id: 2, value: 6 });
  assert.equal(await next, 6);
});

Deno.test("shared() rejects for all callers of a failed question, but not for the next caller", async () => {
  let asked = 0;
  const reset = shared(() => ++asked === 1 ? Promise.reject(new Error("no")) : Promise.resolve(2));
  const first = [reset(), reset()];
  for (const promise of first) await assert.rejects(promise, { message: "no" });
  assert.equal(await reset(), 2);
});
