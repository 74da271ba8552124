/**
 * Tokens (RFC 6750): their form, and what the server knows of each: the same for the server, for `token new` and for `send`.
 *
 * @module
 */

import type { Scope } from "./resources.ts";

/** Number of random bytes in a token. */
const tokenBytes = 32;

/** The form of a token of this program. Its beginning lets scanners for secrets find it. */
const form = /^jr_[A-Za-z0-9_-]{43}$/;

/** Makes a new token: `jr_` and 256 random bits in base64url without padding (RFC 4648, section 5). */
export function newToken(): string {
  const random = crypto.getRandomValues(new Uint8Array(tokenBytes));
  return `jr_${random.toBase64({ alphabet: "base64url", omitPadding: true })}`;
}

/**
 * Whether a text has the form of a token. Nothing else can be one, so a digest in the tokens file cannot stand for a word that
 * somebody might guess.
 */
export function isToken(text: string): boolean {
  return form.test(text);
}

/** A token as the server knows it: without the token itself. */
export interface KnownToken {
  /** Its name, in the form of a command's name. */
  readonly name: string;
  /** SHA-256 of the token in lower-case hexadecimal digits: one, or two while it is replaced. */
  readonly digests: readonly string[];
  /** What it allows; at least one. */
  readonly scopes: readonly Scope[];
  /** Names of the commands that it allows; undefined for all. */
  readonly commands: readonly string[] | undefined;
  /** When it expires, in Unix milliseconds; `Infinity` for never. */
  readonly expiresMs: number;
  /** Networks that its requests must come from, in the form that `isNetwork` accepts; undefined for all. */
  readonly addresses: readonly string[] | undefined;
  /** How many of its jobs may run in a pool at once, at least 1; `Infinity` for no limit. */
  readonly maxRunning: number;
  /** How many of its jobs may wait in a pool; `Infinity` for no limit. */
  readonly maxWaiting: number;
}

/** The name that the password has among the names of tokens. No token may have it. */
export const passwordName = "password";

/**
 * What follows the scheme Bearer in an Authorization header (RFC 6750, section 2.1), whatever its form, perhaps nothing;
 * undefined for another scheme and without a header.
 */
export function bearerIn(authorization: string | null): string | undefined {
  const found = authorization === null ? null : /^Bearer(?: +(.*))?$/i.exec(authorization);
  return found ? found[1] ?? "" : undefined;
}
