/**
 * The line: eight clients, each of which submits a job, waits for its outcome and submits the next;
 * three workers, whose runs are over at once.
 *
 * @module
 */

import { createDispatch } from "../../src/jobs/dispatch.ts";
import type { Layer } from "../layer.ts";

const clients = 8;

/** `line`. */
export const layer: Layer = () => {
  const dispatch = createDispatch({
    numWorkers: 3,
    queueLimit: clients,
    queueTimeoutMs: Infinity,
    onDisconnect: "cancel",
    run: () => Promise.resolve({ kind: "failed", fault: { kind: "spawn_refused", reason: "" } }),
    onBug(bug) {
      throw bug;
    },
  });
  return async (count) => {
    let begun = 0;
    const client = async () => {
      while (begun < count) {
        const admission = dispatch.submit({
          id: `bench-${begun++}`,
          requestId: "bench",
          payload: new Uint8Array(),
          onPayloadStored() {},
          onCaptured() {},
        });
        if (!admission.admitted) throw new Error(`a job was refused: ${admission.refusal}`);
        await admission.outcome;
      }
    };
    await Promise.all(Array.from({ length: clients }, client));
  };
};
