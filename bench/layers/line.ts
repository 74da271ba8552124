/**
 * The queue: eight clients, each of which submits a job, waits for its outcome and submits the next;
 * three workers, whose runs are over at once.
 *
 * @module
 */

import { createDispatch } from "../../src/jobs/dispatch.ts";
import { noInput } from "../../src/jobs/job.ts";
import { createMemoryLine } from "../../src/jobs/memory_line.ts";
import type { Layer } from "../layer.ts";

const clients = 8;
const workers = 3;

/** `line`. */
export const layer: Layer = () => {
  const line = createMemoryLine({ workers, places: clients, queueTimeoutMs: Infinity });
  createDispatch({
    line,
    size: workers,
    run: () => Promise.resolve({ kind: "failed", failure: { kind: "spawn_refused", reason: "" } }),
    onBug(bug) {
      throw bug;
    },
  });
  return async (count) => {
    let begun = 0;
    const client = async () => {
      while (begun < count) {
        const place = line.reserve({ command: "default" });
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
    await Promise.all(Array.from({ length: clients }, client));
  };
};
