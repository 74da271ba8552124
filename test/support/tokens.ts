/**
 * Tokens of clients, what they allow, and tokens files.
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { KnownToken } from "../../src/wire/tokens.ts";

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
  differences: Partial<KnownToken> = {},
): KnownToken {
  return {
    name,
    digests: [digestOf(secret)],
    scopes: ["submit", "status", "metrics"],
    commands: undefined,
    expiresMs: Infinity,
    addresses: undefined,
    maxRunning: Infinity,
    maxWaiting: Infinity,
    ...differences,
  };
}

/** A table of a tokens file: a token, or two while it is replaced, by name. `more` are further lines, such as its scopes. */
export function tokenTable(
  name: string,
  token: string | readonly string[],
  ...more: readonly string[]
): string {
  const digests = [token].flat().map((text) => `"${digestOf(text)}"`).join(", ");
  return [`[tokens.${name}]`, `sha256 = [${digests}]`, ...more, "", ""].join("\n");
}

/** A request's headers with a token. */
export function bearer(secret: string): Record<string, string> {
  return { authorization: `Bearer ${secret}` };
}
