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

Deno.test("readPipe() reads nothing more, and reuses no memory, until the listener's promise has resolved", async () => {
  const handled = Promise.withResolvers<void>();
  const came: Uint8Array[] = [];
  const scratch = createScratch();
  const first = Promise.withResolvers<void>();
  const pipe = readPipe(
    stream((controller) => {
      controller.enqueue(new Uint8Array([1]));
      controller.enqueue(new Uint8Array(100_000).fill(2));
      end(controller);
    }),
    scratch,
    (bytes) => {
      came.push(bytes.slice());
      if (came.length > 1) return;
      first.resolve();
      const before = bytes.slice();
      return handled.promise.then(() => assert.deepEqual(bytes, before));
    },
  );
  assert.equal(pipe.held, false);
  await first.promise;
  for (let turn = 0; turn < 5; turn++) await nextTurn();
  const seen = came[0]?.length;
  assert.ok(pipe.held);
  assert.deepEqual([came.length, pipe.seen, pipe.ended], [1, seen, false]);
  handled.resolve();
  await pipe.done;
  assert.equal(pipe.held, false);
  assert.equal(pipe.seen, 100_001);
});

Deno.test("stop() of a pipe lets its listener finish with the last piece, and reads nothing more", async () => {
  const handled = Promise.withResolvers<void>();
  const began = Promise.withResolvers<void>();
  let pieces = 0;
  const pipe = readPipe(
    stream((controller) => {
      controller.enqueue(new Uint8Array(100_000));
    }),
    createScratch(),
    () => {
      pieces++;
      began.resolve();
      return handled.promise;
    },
  );
  await began.promise;
  pipe.stop();
  await nextTurn();
  assert.equal(pipe.ended, false);
  handled.resolve();
  await pipe.done;
  assert.equal(pieces, 1);
});
