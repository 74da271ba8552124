/**
 * Checks the password in header `X-JR-PASSWORD`.
 *
 * @module
 */

import { createHash, timingSafeEqual } from "node:crypto";
import { passwordHeader } from "../wire/header_names.ts";
import { withoutLineEnds } from "../wire/password.ts";

/** Whether a request may run jobs. */
export type PasswordCheck = (headers: Headers) => boolean;

/**
 * Creates a check against the SHA-256 of the password. Digests are compared in constant time, so neither the length nor the
 * first wrong byte can be measured. Without a digest every request passes, whatever it sends.
 */
export function createPasswordCheck(digest: Uint8Array | undefined): PasswordCheck {
  if (!digest) return () => true;
  return (headers) => {
    const given = withoutLineEnds(headers.get(passwordHeader) ?? "");
    // Header values arrive with one character per byte (Fetch, "byte sequence"): latin1 restores the bytes.
    return timingSafeEqual(createHash("sha256").update(given, "latin1").digest(), digest);
  };
}
