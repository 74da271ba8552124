/**
 * Headers of every answer, and pages that show the current state.
 *
 * @module
 */

import { requestIdHeader } from "../../wire/header_names.ts";
import type { Exchange } from "../exchange.ts";
import type { Call } from "../handler.ts";

/** Content type of a page of plain text. */
export const plainText = "text/plain; charset=utf-8";

/** Content type of JSON. */
export const json = "application/json";

/**
 * Answers must be neither cached nor compressed: they are valid only now, and Deno 2.7.11, with which binaries may be built,
 * would compress them for clients that accept it (2.9.6 would not).
 */
const uncached = "no-store, no-transform";

/** The headers of every answer. */
export function commonHeaders({ requestId }: Exchange): Record<string, string> {
  return { "cache-control": uncached, [requestIdHeader]: requestId };
}

/**
 * A page that shows the current state. Its length is set here, because the answer to HEAD has no body to measure (RFC 9110,
 * section 8.6).
 */
export function page(c: Call, contentType: string, text: string): Response {
  const bytes = new TextEncoder().encode(text);
  return new Response(bytes, {
    headers: {
      "content-type": contentType,
      "content-length": String(bytes.length),
      ...commonHeaders(c.env),
    },
  });
}
