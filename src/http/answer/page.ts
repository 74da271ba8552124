/**
 * Headers that every answer has, and pages about now.
 *
 * @module
 */

import { requestIdHeader } from "../../wire/header_names.ts";
import type { Exchange } from "../exchange.ts";
import type { Call } from "../handler.ts";

/** Content type of a page of plain text. */
export const plainText = "text/plain; charset=utf-8";

/**
 * An answer is true only now, so nobody may keep it; and it goes out as it is: Deno 2.7.11, which binaries may be made
 * with, would compress it for whoever accepts that, 2.9.6 would not.
 */
const uncached = "no-store, no-transform";

/** What every answer has. */
export function commonHeaders({ requestId }: Exchange): Record<string, string> {
  return { "cache-control": uncached, [requestIdHeader]: requestId };
}

/**
 * A page about now. Its length is stated, because the answer to HEAD has no body to measure (RFC 9110, section 8.6).
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
