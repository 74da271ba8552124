/**
 * A body that is read while a test sends it.
 *
 * @module
 */

import { readBody } from "../../src/http/body/memory.ts";
import { createActivity } from "../../src/http/activity.ts";
import type { Buffers } from "../../src/http/body/buffers.ts";
import { byHand } from "./deadlines.ts";
import { nextTurn } from "./turn.ts";

/** A body of a known length, which comes when the test says so, while it is read. */
export function upload(buffers: Buffers, length: number, periods = byHand(1000)) {
  let controller: ReadableByteStreamController;
  const body = new ReadableStream({
    type: "bytes",
    start: (itsOwn) => void (controller = itsOwn),
  });
  const headers = { "content-length": String(length) };
  const uploads = createActivity();
  const limits = { maxBytes: Infinity, periods, cut: new AbortController().signal, uploads };
  const share = buffers.open();
  const outcome = readBody(
    new Request("http://x", { method: "POST", body, headers }),
    limits,
    share,
  );
  let sent = 0;
  return {
    outcome,
    share,
    periods,
    uploads,
    /** Resolves when all of it has been taken. */
    async send(bytes: number) {
      sent += bytes;
      controller.enqueue(new Uint8Array(bytes).fill(sent / 1000));
      while ((controller.desiredSize ?? 0) < 0) await nextTurn();
      await nextTurn();
      if (sent < length) return;
      controller.close();
      controller.byobRequest?.respond(0);
    },
  };
}
