/**
 * Reading a request's body: bounded in size, in time and by the budget of all requests together.
 *
 * @module
 */

import { createByteBuffer } from "../bytes.ts";
import type { Share } from "./buffers.ts";

/** Bounds of a body. */
export interface BodyLimits {
  /** Largest body; `Infinity` for no limit. */
  readonly maxBytes: number;
  /** Time for the whole body; `Infinity` for no limit. */
  readonly timeoutMs: number;
  /** Aborted when the server can wait for no upload any more. */
  readonly cut: AbortSignal;
}

/** The body, or which bound it broke. */
export type BodyOutcome =
  | { readonly ok: true; readonly bytes: Uint8Array<ArrayBuffer> }
  | {
    readonly ok: false;
    readonly fault: BodyFault;
  };

/** Which bound a body broke. */
export type BodyFault =
  | "too_large"
  | "request_timeout"
  | "buffers_full"
  | "body_unreadable"
  | "client_gone"
  | "draining";

/**
 * Reads the body to its end. What Content-Length announces is taken from the budget before the first byte is read;
 * a body of unknown length takes its share as it grows. On failure the rest is not read and the share is released.
 */
export async function readBody(
  request: Request,
  limits: BodyLimits,
  share: Share,
): Promise<BodyOutcome> {
  const refuse = (fault: BodyFault): BodyOutcome => {
    share.release();
    return { ok: false, fault };
  };
  const announcement = request.headers.get("content-length") ?? "0";
  // Two of them arrive as "5, 5".
  if (!/^\d+$/.test(announcement)) return refuse("body_unreadable");
  const announced = Number(announcement);
  if (announced > limits.maxBytes) return refuse("too_large");
  if (!share.resize(announced)) return refuse("buffers_full");
  if (!request.body) return { ok: true, bytes: new Uint8Array() };

  const reader = request.body.getReader();
  const giveUp = () => void reader.cancel().catch(() => {});
  let broken: "request_timeout" | "draining" | undefined;
  const breakOff = (reason: "request_timeout" | "draining") => {
    broken ??= reason;
    giveUp();
  };
  const onCut = () => breakOff("draining");
  limits.cut.addEventListener("abort", onCut);
  const timer = limits.timeoutMs === Infinity
    ? undefined
    : setTimeout(() => breakOff("request_timeout"), limits.timeoutMs);
  const buffer = createByteBuffer(announced);
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      const length = buffer.length + part.value.length;
      if (length > limits.maxBytes) {
        giveUp();
        return refuse("too_large");
      }
      buffer.append(part.value);
      if (buffer.capacity > announced && !share.resize(buffer.capacity)) {
        giveUp();
        return refuse("buffers_full");
      }
    }
  } catch {
    // The runtime tells of one error only, the connection's; the request's signal is not aborted yet.
    return refuse(broken ?? "client_gone");
  } finally {
    clearTimeout(timer);
    limits.cut.removeEventListener("abort", onCut);
  }
  if (broken) return refuse(broken);
  return { ok: true, bytes: buffer.bytes() };
}
