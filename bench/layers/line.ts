/**
 * The queue: eight clients, each of which submits a job, waits for its outcome and submits the next;
 * three workers, whose runs are over at once.
 *
 * @module
 */

import { createDispatch } from "../../src/jobs/dispatch.ts";
import { noInput } from "../../src/jobs/job.ts";
import { createMemoryLine, type MemoryLine } from "../../src/jobs/memory_line.ts";
import type { Layer } from "../layer.ts";

/** Numbers of clients and workers, and the rest of the size of a queue for them. */
export const size = { clients: 8, workers: 3, places: 8, queueTimeoutMs: Infinity } as const;

/** `line`. */
export const layer: Layer = () => runThrough(createMemoryLine(size));

/** Runs jobs through a queue of that size. Its clients have the names `0` to `7`. */
export function runThrough(line: MemoryLine): ReturnType<Layer> {
  createDispatch({
    line,
    size: size.workers,
    run: () => Promise.resolve({ kind: "failed", failure: { kind: "spawn_refused", reason: "" } }),
    onBug(bug) {
      throw bug;
    },
  });
  return async (count) => {
    let begun = 0;
    const client = async (name: string) => {
      while (begun < count) {
        const place = line.reserve({ command: "default", client: name });
        if (!place.reserved) throw new Error(`a job was refused: ${place.cause}`);
        await place.fill({
          uid: "bench",
          id: `bench-${begun++}`,
          requestId: "bench",
          command: "default",
          version: 1,
          onDisconnect: "cancel",
          input: noInput,
          keep: "memory",
        });
      }
    };
    await Promise.all(Array.from({ length: size.clients }, (_, index) => client(`${index}`)));
  };
}
