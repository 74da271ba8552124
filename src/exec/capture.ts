/**
 * Reading a pipe to its end while keeping no more than a limit.
 *
 * @module
 */

import { createByteBuffer } from "../bytes.ts";
import type { Captured } from "../job.ts";

/** A pipe that is being read. */
export interface Capture {
  /** Resolves at end-of-file, or after `stop`. Never rejects: a broken pipe is an end. */
  readonly done: Promise<void>;
  /** Bytes read so far, kept or not. */
  readonly seen: number;
  /** Lets go of the pipe, whoever still holds its other end. What was read stays. */
  stop(): void;
  /** What was kept. */
  take(): Captured;
}

/** Starts to read. Bytes beyond `limit` are read and dropped, so that the writer is never blocked. */
export function capture(stream: ReadableStream<Uint8Array<ArrayBuffer>>, limit: number): Capture {
  const reader = stream.getReader();
  const buffer = createByteBuffer();
  let truncated = false;
  let seen = 0;

  async function drain(): Promise<void> {
    try {
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        seen += part.value.length;
        const room = limit - buffer.length;
        const fits = part.value.length <= room;
        if (room > 0) buffer.append(fits ? part.value : part.value.slice(0, room));
        truncated ||= !fits;
      }
    } catch {
      // The pipe broke: what was written until then is what there is.
    }
  }

  return {
    done: drain(),
    get seen() {
      return seen;
    },
    stop() {
      reader.cancel().catch(() => {});
    },
    take: () => ({ bytes: buffer.bytes(), truncated }),
  };
}
