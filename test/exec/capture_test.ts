import assert from "node:assert/strict";
import fc from "fast-check";
import { capture, createScratch } from "../../src/exec/capture.ts";

type Controller = ReadableByteStreamController;

/** A byte stream, as a command's pipes are. */
function pipe(
  start: (controller: Controller) => void,
  cancel: () => void = () => {},
): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({ type: "bytes", start, cancel });
}

function end(controller: Controller): void {
  controller.close();
  // A reader that brings its own memory learns of the end only so (Streams Standard, "close").
  controller.byobRequest?.respond(0);
}

Deno.test("what is kept is the beginning, up to the limit, whatever the pieces", async () => {
  const scratch = createScratch();
  await fc.assert(fc.asyncProperty(
    fc.array(fc.uint8Array({ minLength: 1, maxLength: 20 }), { maxLength: 20 }),
    fc.nat({ max: 200 }),
    async (pieces, limit) => {
      const captured = capture(
        pipe((controller) => {
          for (const piece of pieces) controller.enqueue(new Uint8Array(piece));
          end(controller);
        }),
        limit,
        scratch,
      );
      await captured.done;
      assert.ok(captured.ended);
      const all = pieces.flatMap((piece) => [...piece]);
      const { bytes, truncated } = captured.take();
      assert.deepEqual([...bytes], all.slice(0, limit));
      assert.equal(truncated, all.length > limit);
      assert.equal(captured.seen, all.length);
    },
  ));
});

Deno.test("memory is used again, and what was kept before stays as it was", async () => {
  const scratch = createScratch();
  const one = (value: number) =>
    capture(
      pipe((controller) => {
        controller.enqueue(new Uint8Array(1000).fill(value));
        end(controller);
      }),
      Infinity,
      scratch,
    );
  const first = one(1);
  await first.done;
  const second = one(2);
  await second.done;
  assert.deepEqual(first.take().bytes, new Uint8Array(1000).fill(1));
  assert.deepEqual(second.take().bytes, new Uint8Array(1000).fill(2));
  assert.equal(scratch.take()[0], 2, "one piece of memory served both");
});

Deno.test("a stream that is never closed is let go by stop, and what came stays", async () => {
  let canceled = false;
  const captured = capture(
    pipe(
      (controller) => controller.enqueue(new Uint8Array([1, 2])),
      () => void (canceled = true),
    ),
    Infinity,
    createScratch(),
  );
  await Promise.resolve();
  captured.stop();
  await captured.done;
  assert.ok(canceled);
  assert.deepEqual([...captured.take().bytes], [1, 2]);
});

Deno.test("a pipe that breaks is an end", async () => {
  const captured = capture(
    pipe((controller) => controller.error(new Error("broken"))),
    10,
    createScratch(),
  );
  await captured.done;
  assert.ok(captured.ended);
  assert.equal(captured.take().bytes.length, 0);
  assert.equal(captured.take().truncated, false);
});
