/**
 * The body of a small request, from its bytes to its payload.
 *
 * @module
 */

import { parsePayloadRequest } from "../../src/wire/payload_request.ts";
import type { Layer } from "../layer.ts";

/** `parse`. */
export const layer: Layer = () => {
  const body = new TextEncoder().encode('{"id":"bench-00000000","data":"aGVsbG8="}');
  return (count) => {
    for (let i = 0; i < count; i++) {
      if (!parsePayloadRequest(body).ok) throw new Error("the body was refused");
    }
  };
};
