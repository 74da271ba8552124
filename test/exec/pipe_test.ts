import assert from "node:assert/strict";
import fc from "fast-check";
import { createScratch, readPipe } from "../../src/exec/pipe.ts";
import { nextTurn } from "../support/turn.ts";

type Controller = ReadableByteStreamController;

/** A byte stream, as a command's pipes are. */
function stream(
  start: (controller: Controller) => void,
  cancel: () => void = () => {},
): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({ type: "bytes", start, cancel });
}

function end(controller: Controller): void {
  controller.close();
  // A read into a buffer of the reader's own ends only by this (Streams Standard, "close").
  controller.byobRequest?.respond(0);
}

Deno.test("readPipe() passes on every byte, whatever the pieces", async () => {
  const scratch = createScratch();
  await fc.assert(fc.asyncProperty(
    fc.array(fc.uint8Array({ minLength: 1, maxLength: 20 }), { maxLength: 20 }),
    async (pieces) => {
      const came: number[] = [];
      const pipe = readPipe(
        stream((controller) => {
          for (const piece of pieces) controller.enqueue(new Uint8Array(piece));
          end(controller);
        }),
        scratch,
        (bytes) => void came.push(...bytes),
      );
      await pipe.done;
      assert.ok(pipe.ended);
      assert.deepEqual(came, pieces.flatMap((piece) => [...piece]));
      assert.equal(pipe.seen, came.length);
    },
  ));
});

Deno.test("readPipe() reuses the memory of the scratch for the next pipe", async () => {
  const scratch = createScratch();
  for (const value of [1, 2]) {
    await readPipe(
      stream((controller) => {
        controller.enqueue(new Uint8Array(1000).fill(value));
        end(controller);
      }),
      scratch,
      () => {},
    ).done;
  }
  const memory = scratch.take();
  assert.equal(memory[0], 2, "one piece of memory served both");
  assert.equal(memory.length, 64 * 1024, "one read empties a pipe");
});

Deno.test("stop() of a pipe cancels a stream that is never closed, and what was read is kept", async () => {
  let canceled = false;
  const came: number[] = [];
  const pipe = readPipe(
    stream(
      (controller) => controller.enqueue(new Uint8Array([1, 2])),
      () => void (canceled = true),
    ),
    createScratch(),
    (bytes) => void came.push(...bytes),
  );
  await Promise.resolve();
  pipe.stop();
  await pipe.done;
  assert.ok(canceled);
  assert.deepEqual(came, [1, 2]);
});

Deno.test("stop() of a pipe ignores the error of a stream that cannot be canceled", async () => {
  const pipe = readPipe(
    stream(() => {}, () => {
      throw new Error("it is gone");
    }),
    createScratch(),
    () => assert.fail(),
  );
  pipe.stop();
  await pipe.done;
  await nextTurn();
});

Deno.test("readPipe() treats a pipe that breaks as ended", async () => {
  const pipe = readPipe(
    stream((controller) => controller.error(new Error("broken"))),
    createScratch(),
    () => assert.fail(),
  );
  await pipe.done;
  assert.ok(pipe.ended);
  assert.equal(pipe.seen, 0);
});
