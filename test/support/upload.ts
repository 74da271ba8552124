/**
 * A body that is read while a test sends it.
 *
 * @module
 */

import { createActivity } from "../../src/http/activity.ts";
import type { Buffers, Share } from "../../src/http/body/buffers.ts";
import { readBody } from "../../src/http/body/memory.ts";
import type { BodyLimits } from "../../src/http/body/reading.ts";
import { byHand } from "./deadlines.ts";
import { nextTurn } from "./turn.ts";

/** Reads a body, as `readBody` does. */
export type Read<Outcome> = (
  request: Request,
  limits: BodyLimits,
  share: Share,
) => Promise<Outcome>;

/** A body of a known length, which comes when the test says so, while it is read into memory. */
export function upload(buffers: Buffers, length: number, periods = byHand(1000)) {
  return uploadTo(readBody, buffers, length, periods);
}

/** The same, read by another function. */
export function uploadTo<Outcome>(
  read: Read<Outcome>,
  buffers: Buffers,
  length: number,
  periods = byHand(1000),
) {
  let controller: ReadableByteStreamController;
  let canceled = false;
  const body = new ReadableStream({
    type: "bytes",
    start: (itsOwn) => void (controller = itsOwn),
    cancel: () => void (canceled = true),
  });
  const headers = { "content-length": String(length) };
  const uploads = createActivity();
  const cut = new AbortController();
  const limits = { maxBytes: Infinity, periods, cut: cut.signal, uploads };
  const share = buffers.open();
  const outcome = read(
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
    cut,
    /** Whether the rest of the body was canceled. */
    get canceled() {
      return canceled;
    },
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
    /** The connection breaks. */
    breakOff: () => controller.error(new Error("broken")),
  };
}
