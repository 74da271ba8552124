import assert from "node:assert/strict";
import fc from "fast-check";
import { chunkSize, fetchAll, maxChunk } from "../../src/cluster/bulk.ts";
import { joinedBytes } from "../support/pieces.ts";
import { nextTurn } from "../support/turn.ts";

const chunk = 16;

function contentOf(length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, at) => at % 251);
}

/** A portion that was asked for, and its answer. */
interface Asked extends PromiseWithResolvers<Uint8Array<ArrayBuffer>> {
  readonly at: number;
  readonly length: number;
}

/** A content on another machine, which answers when the test says so; pieces are taken when the test says so. */
function begin(length: number, options: { window?: number; signal?: AbortSignal } = {}) {
  const content = contentOf(length);
  const asked: Asked[] = [];
  const taken: Uint8Array<ArrayBuffer>[] = [];
  const takes: PromiseWithResolvers<void>[] = [];
  const done = fetchAll({
    length,
    chunk,
    ...options,
    ask(at, length) {
      const answer = Promise.withResolvers<Uint8Array<ArrayBuffer>>();
      asked.push({ at, length, ...answer });
      return answer.promise;
    },
    take(piece) {
      taken.push(piece);
      const take = Promise.withResolvers<void>();
      takes.push(take);
      return take.promise;
    },
  });
  return {
    asked,
    taken,
    takes,
    done,
    /** Answers the question with this number, from 0. */
    answer(number: number) {
      const { at, length, resolve } = asked[number] ?? assert.fail(`no question ${number}`);
      resolve(content.slice(at, at + length));
    },
  };
}

/** What was fetched by a machine that answers at once. */
async function fetched(length: number): Promise<Uint8Array<ArrayBuffer>[]> {
  const content = contentOf(length);
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  await fetchAll({
    length,
    chunk,
    ask: (at, length) => Promise.resolve(content.slice(at, at + length)),
    take: (piece) => Promise.resolve(void pieces.push(piece)),
  });
  return pieces;
}

Deno.test("chunkSize() is 512 KiB, or less for smaller messages, but never 0", () => {
  assert.equal(chunkSize(2 ** 20), maxChunk);
  assert.equal(chunkSize(64 * 2 ** 20), maxChunk);
  assert.equal(chunkSize(maxChunk + 8192), maxChunk);
  assert.equal(chunkSize(maxChunk + 8191), maxChunk - 1);
  assert.equal(chunkSize(64 * 1024), 56 * 1024);
  assert.equal(chunkSize(1024), 512);
  assert.equal(chunkSize(1), 1);
});

Deno.test("fetchAll() fetches contents of every length", async () => {
  const lengths = [0, 1, chunk - 1, chunk, chunk + 1, 3 * chunk, 3 * chunk + 1, 20 * chunk - 1];
  for (const length of lengths) {
    const pieces = await fetched(length);
    assert.deepEqual(joinedBytes(pieces), contentOf(length));
    assert.equal(pieces.length, Math.ceil(length / chunk));
  }
});

Deno.test("fetchAll() takes pieces in their order, in whatever order they come", async () => {
  const orders = fc.tuple(
    fc.integer({ min: 0, max: 12 * chunk }),
    fc.integer({ min: 1, max: 6 }),
    fc.array(fc.nat(), { minLength: 1 }),
  );
  await fc.assert(
    fc.asyncProperty(orders, async ([length, window, order]) => {
      const transfer = begin(length, { window });
      const open = new Set<Asked>();
      let seen = 0;
      for (let step = 0; joinedBytes(transfer.taken).length < length; step++) {
        for (; seen < transfer.asked.length; seen++) {
          open.add(transfer.asked[seen] ?? assert.fail());
        }
        const choices = [...open];
        const next = choices[(order[step % order.length] ?? 0) % choices.length];
        if (next) {
          open.delete(next);
          transfer.answer(transfer.asked.indexOf(next));
        }
        for (const take of transfer.takes) take.resolve();
        await nextTurn();
      }
      for (const take of transfer.takes) take.resolve();
      await transfer.done;
      assert.deepEqual(joinedBytes(transfer.taken), contentOf(length));
    }),
    { numRuns: 30 },
  );
});

Deno.test("fetchAll() asks for 4 portions at once", async () => {
  const transfer = begin(10 * chunk);
  assert.deepEqual(
    transfer.asked.map(({ at, length }) => [at, length]),
    [[0, chunk], [chunk, chunk], [2 * chunk, chunk], [3 * chunk, chunk]],
  );
  transfer.answer(0);
  await nextTurn();
  transfer.takes[0]?.resolve();
  await nextTurn();
  assert.equal(transfer.asked.length, 5);
  transfer.asked[1]?.reject(new Error("enough"));
  await assert.rejects(transfer.done, new Error("enough"));
});

Deno.test("fetchAll() counts the piece that is being taken: a slow take bounds the memory", async () => {
  const transfer = begin(100 * chunk, { window: 3 });
  for (let taken = 1; taken <= 20; taken++) {
    for (let number = taken - 1; number < transfer.asked.length; number++) transfer.answer(number);
    await nextTurn();
    assert.equal(transfer.taken.length, taken, "one piece at a time is taken");
    assert.equal(transfer.asked.length, taken + 2, "no more than 3 pieces are in memory");
    transfer.takes[taken - 1]?.resolve();
    await nextTurn();
  }
  transfer.asked.at(-1)?.reject(new Error("enough"));
  transfer.takes.at(-1)?.resolve();
  await assert.rejects(transfer.done, new Error("enough"));
});

Deno.test("fetchAll() rejects at once with the first error of a later portion", async () => {
  const transfer = begin(10 * chunk);
  transfer.asked[2]?.reject(new Error("first"));
  await assert.rejects(transfer.done, new Error("first"));
  transfer.asked[0]?.reject(new Error("second"));
  transfer.answer(1);
  transfer.asked[3]?.reject(new Error("third"));
  await nextTurn();
  assert.equal(transfer.asked.length, 4, "nothing more is asked for");
  assert.deepEqual(transfer.taken, []);
});

Deno.test("fetchAll() waits for the piece that is being taken before it rejects", async () => {
  const transfer = begin(10 * chunk);
  let settled = false;
  const done = assert.rejects(transfer.done, new Error("lost")).then(() => settled = true);
  transfer.answer(0);
  transfer.answer(1);
  await nextTurn();
  transfer.asked[2]?.reject(new Error("lost"));
  await nextTurn();
  assert.equal(settled, false);
  transfer.takes[0]?.resolve();
  await done;
  assert.equal(transfer.taken.length, 1, "the second piece is not taken");
  assert.equal(transfer.asked.length, 4);
});

Deno.test("fetchAll() rejects with the error of take", async () => {
  const transfer = begin(3 * chunk);
  transfer.answer(0);
  await nextTurn();
  transfer.takes[0]?.reject(new Error("disk full"));
  await assert.rejects(transfer.done, new Error("disk full"));
  transfer.answer(1);
  transfer.asked[2]?.reject(new Error("late"));
  await nextTurn();
  assert.equal(transfer.taken.length, 1);
});

Deno.test("fetchAll() rejects if a portion has another length than was asked for", async () => {
  for (const length of [0, chunk - 1, chunk + 1]) {
    const transfer = begin(3 * chunk);
    transfer.asked[1]?.resolve(contentOf(length));
    await assert.rejects(
      transfer.done,
      new Error(`a portion of ${length} bytes at position 16: it must have 16 bytes`),
    );
  }
});

Deno.test("fetchAll() rejects if the first question throws", async () => {
  const fetching = {
    length: 1,
    chunk,
    ask(): Promise<never> {
      throw new Error("no connection");
    },
    take: () => Promise.resolve(),
  };
  await assert.rejects(fetchAll(fetching), new Error("no connection"));
});

Deno.test("fetchAll() ends with the reason of its signal", async () => {
  const aborting = new AbortController();
  const transfer = begin(10 * chunk, { signal: aborting.signal });
  transfer.answer(0);
  await nextTurn();
  transfer.takes[0]?.resolve();
  await nextTurn();
  aborting.abort(new Error("canceled"));
  await assert.rejects(transfer.done, new Error("canceled"));
  transfer.answer(1);
  await nextTurn();
  assert.equal(transfer.taken.length, 1);
  assert.equal(transfer.asked.length, 5);

  const late = begin(chunk, { signal: aborting.signal });
  await assert.rejects(late.done, new Error("canceled"));
  assert.equal(late.asked.length, 0, "nothing is asked for after the signal");
});

Deno.test("fetchAll() frees the memory of a large piece when it was taken", async () => {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  const lengths: number[] = [];
  await fetchAll({
    length: 2 * maxChunk,
    chunk: maxChunk,
    ask: (_, length) => Promise.resolve(new Uint8Array(length)),
    take(piece) {
      lengths.push(piece.length);
      pieces.push(piece);
      return Promise.resolve();
    },
  });
  assert.deepEqual(lengths, [maxChunk, maxChunk]);
  assert.deepEqual(pieces.map(({ length }) => length), [0, 0]);
});
