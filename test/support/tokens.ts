/**
 * Tokens of clients, and what they allow.
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { TokenGrant } from "../../src/http/auth.ts";

/** A text in the form of a token, always the same for a letter. */
export function secretOf(letter: string): string {
  return `jr_${letter.repeat(43)}`;
}

/** The digest of a text in the form that grants have. */
export function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** A token with all scopes and without limits, apart from the differences. */
export function grantOf(
  name: string,
  secret: string,
  differences: Partial<TokenGrant> = {},
): TokenGrant {
  return {
    name,
    digests: [digestOf(secret)],
    scopes: ["submit", "status", "metrics"],
    commands: undefined,
    expiresMs: Infinity,
    addresses: undefined,
    ...differences,
  };
}

/** A request's headers with a token. */
export function bearer(secret: string): Record<string, string> {
  return { authorization: `Bearer ${secret}` };
}
