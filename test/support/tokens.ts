/**
 * Tokens files.
 *
 * @module
 */

import { createHash } from "node:crypto";

/** SHA-256 of a token in hexadecimal digits, as a tokens file has it. */
export function digestOf(token: string): string {
  return createHash("sha256").update(token).digest("hex");
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

/** The header that sends a token. */
export function bearer(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` };
}
