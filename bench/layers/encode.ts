/**
 * The answer of a job with small outputs, from the result to the text.
 *
 * @module
 */

import type { JobResult } from "../../src/jobs/job.ts";
import { encodeResult } from "../../src/wire/result.ts";
import type { Layer } from "../layer.ts";

/** `encode`. */
export const layer: Layer = () => {
  // New each time, since encoding frees the memory of the captures.
  const hello = () => ({ bytes: new TextEncoder().encode("hello\n"), truncated: false });
  const result = (): JobResult => ({
    id: "bench-00000000",
    workerId: 1,
    queuedSec: 0.001,
    elapsedSec: 0.002,
    ending: { kind: "exited", exitStatus: 0 },
    output: hello(),
    error: hello(),
    data: hello(),
    pid: 1234,
  });
  return (count) => {
    for (let i = 0; i < count; i++) {
      const { byteLength, pieces } = encodeResult(result());
      if ([...pieces].join("").length !== byteLength) throw new Error("the answer is not whole");
    }
  };
};
