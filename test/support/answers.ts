/**
 * Files and bodies of answers for tests.
 *
 * @module
 */

import type { AnswerBody } from "../../src/http/answer/answer.ts";
import { createDeliveries } from "../../src/http/answer/delivery.ts";
import type { Captured, StoredFile } from "../../src/jobs/job.ts";
import { byHand } from "./deadlines.ts";

/** A stored file that holds these bytes in memory, and what was done with it. */
export function storedFile(
  bytes: Uint8Array<ArrayBuffer>,
  { length = bytes.length, before = () => Promise.resolve() }: {
    /** The length that it claims. */
    readonly length?: number;
    /** Awaited by each read. */
    readonly before?: () => Promise<void>;
  } = {},
) {
  const state = { closed: 0, reads: [] as number[] };
  const file: StoredFile = {
    length,
    async read(at, into) {
      state.reads.push(into.length);
      await before();
      if (state.closed > 0) throw new Error("the file is closed");
      const some = bytes.subarray(at, at + into.length);
      into.set(some);
      return some.length;
    },
    close: () => void state.closed++,
  };
  return { file, state };
}

/** Bytes that differ from place to place. */
export function someBytes(length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, at) => (at * 7 + (at >> 8)) % 251);
}

/** An output in memory. */
export function inMemory(content: string | Uint8Array<ArrayBuffer>, truncated = false): Captured {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  return { bytes, truncated };
}

/** An output in a file. */
export function inFile(file: StoredFile, truncated = false): Captured {
  return { bytes: new Uint8Array(), truncated, file };
}

/** Everything that a client receives of a body. */
export async function received(body: AnswerBody): Promise<Uint8Array<ArrayBuffer>> {
  const delivery = createDeliveries(byHand(1)).begin(body, {
    share: { release() {} },
    onGivenUp() {},
  });
  if (!(delivery.body instanceof ReadableStream)) return await new Response(delivery.body).bytes();
  // A piece is detached when the next one is asked for.
  const copies = delivery.body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform: (piece, controller) => controller.enqueue(piece.slice()),
    }),
  );
  return await new Response(copies).bytes();
}
