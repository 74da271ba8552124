/**
 * Who sends a request, and what it may do: by the token in `Authorization: Bearer` (RFC 6750) or the password in
 * `X-JR-PASSWORD`.
 *
 * @module
 */

import { createHash, hash, timingSafeEqual } from "node:crypto";
import { passwordHeader } from "../wire/header_names.ts";
import { networksOf } from "../wire/networks.ts";
import { withoutLineEnds } from "../wire/password.ts";
import type { Scope } from "../wire/resources.ts";
import { bearerIn, isToken, type KnownToken, passwordName } from "../wire/tokens.ts";
import type { Problem } from "./answer/problem.ts";
import { clientAddressOf, type Exchange } from "./exchange.ts";

/** The sender of a request that was admitted. */
export interface Caller {
  /** Name of its token, `password` for the password; undefined where tokens are not in use. */
  readonly token: string | undefined;
  /** Whether it may run the command with this name. */
  mayRun(command: string): boolean;
}

/** The part of an exchange that is about who sends the request. `admit` sets the name of the token, also if that is refused. */
export type Sender = Pick<Exchange, "token" | "info" | "forwarded">;

/** Decides who may do what. */
export interface Access {
  /** Whether tokens are in use. If so, the pages with the server's state need a scope, too. */
  readonly byToken: boolean;
  /**
   * The sender of a request with these headers, if it may use resources with this scope. Otherwise the problem `unauthorized`
   * if the sender is not known, or `forbidden` if its token may not be used from its address or does not have the scope.
   */
  admit(headers: Headers, scope: Scope, sender: Sender): Caller | Problem;
}

/** What `createAccess` needs to know. */
export interface AccessSettings {
  /** SHA-256 of the password; undefined if there is none. */
  readonly passwordDigest: Uint8Array | undefined;
  /** The tokens; undefined if none are in use. */
  readonly tokens: readonly KnownToken[] | undefined;
  /** The time in Unix milliseconds. */
  readonly now?: () => number;
}

/** Without tokens in use: everybody, or everybody with the password. */
const anybody: Caller = { token: undefined, mayRun: () => true };

/** The sender of the password where tokens are in use. */
const byPassword: Caller = { token: passwordName, mayRun: () => true };

/**
 * Creates a check. Without tokens, the password decides; without a password as well, every request passes, whatever it sends.
 * With tokens, a request that has a token in its Authorization header is judged by that alone, any other by its password.
 *
 * Only digests are compared, so no time that can be measured tells anything about a token or the password.
 */
export function createAccess(
  { passwordDigest, tokens, now = Date.now }: AccessSettings,
): Access {
  function hasPassword(headers: Headers): boolean {
    if (!passwordDigest) return false;
    const given = withoutLineEnds(headers.get(passwordHeader) ?? "");
    return timingSafeEqual(digestOf(given), passwordDigest);
  }

  if (!tokens) {
    return {
      byToken: false,
      admit: (headers) =>
        !passwordDigest || hasPassword(headers) ? anybody : { kind: "unauthorized" },
    };
  }

  const grants = new Map(
    tokens.flatMap((token) => {
      const grant = grantOf(token);
      return token.digests.map((digest) => [digest, grant] as const);
    }),
  );

  return {
    byToken: true,
    admit(headers, scope, sender) {
      const token = bearerIn(headers.get("authorization"));
      if (token === undefined) {
        if (!hasPassword(headers)) {
          const lacks = headers.has(passwordHeader) ? "password" : "token";
          return { kind: "unauthorized", lacks };
        }
        sender.token = passwordName;
        return byPassword;
      }
      // `hash` takes a third of the time of `createHash` and leaves half of the garbage.
      const grant = isToken(token) ? grants.get(hash("sha256", token)) : undefined;
      if (!grant) return { kind: "unauthorized", lacks: "known_token" };
      sender.token = grant.token;
      return grant.refusal(scope, sender, now()) ?? grant;
    },
  };
}

/** Header values arrive with one character per byte (Fetch, "byte sequence"): latin1 restores the bytes. */
function digestOf(headerValue: string): Uint8Array {
  return createHash("sha256").update(headerValue, "latin1").digest();
}

/** A token in use. */
interface Grant extends Caller {
  /** Why a request with it is refused at this time, in Unix milliseconds; undefined if it is not. */
  refusal(scope: Scope, sender: Sender, now: number): Problem | undefined;
}

function grantOf(
  { name: token, scopes, commands, addresses, expiresMs }: KnownToken,
): Grant {
  const networks = addresses && networksOf(addresses);
  return {
    token,
    mayRun: (command) => !commands || commands.includes(command),
    refusal(scope, sender, now) {
      if (now >= expiresMs) return { kind: "unauthorized", lacks: "valid_token" };
      if (networks) {
        const from = clientAddressOf(sender);
        if (from === undefined || !networks.has(from)) return { kind: "forbidden", token, from };
      }
      return scopes.includes(scope) ? undefined : { kind: "forbidden", token, scope };
    },
  };
}
