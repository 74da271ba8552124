import assert from "node:assert/strict";
import fc from "fast-check";
import { capture } from "../../src/exec/capture.ts";

Deno.test("what is kept is the beginning, up to the limit, whatever the pieces", async () => {
  await fc.assert(fc.asyncProperty(
    fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 20 }),
    fc.nat({ max: 200 }),
    async (pieces, limit) => {
      const captured = capture(
        ReadableStream.from(pieces.map((piece) => new Uint8Array(piece))),
        limit,
      );
      await captured.done;
      const all = pieces.flatMap((piece) => [...piece]);
      const { bytes, truncated } = captured.take();
      assert.deepEqual([...bytes], all.slice(0, limit));
      assert.equal(truncated, all.length > limit);
    },
  ));
});

Deno.test("a stream that is never closed is let go by stop, and what came stays", async () => {
  let canceled = false;
  const captured = capture(
    new ReadableStream({
      start: (controller) => controller.enqueue(new Uint8Array([1, 2])),
      cancel: () => void (canceled = true),
    }),
    Infinity,
  );
  await Promise.resolve();
  captured.stop();
  await captured.done;
  assert.ok(canceled);
  assert.deepEqual([...captured.take().bytes], [1, 2]);
});

Deno.test("a pipe that breaks is an end", async () => {
  const captured = capture(
    new ReadableStream({ start: (controller) => controller.error(new Error("broken")) }),
    10,
  );
  await captured.done;
  assert.deepEqual(captured.take(), { bytes: captured.take().bytes, truncated: false });
  assert.equal(captured.take().bytes.length, 0);
});
