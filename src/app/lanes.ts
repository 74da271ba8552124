/**
 * Which clients have lanes in the queue of a pool.
 *
 * @module
 */

import type { Config } from "../config/config.ts";
import type { LaneLimits } from "../jobs/line.ts";
import { passwordName } from "../wire/tokens.ts";

/** The lanes of a pool, by the name of the client's token. */
export type Lanes = ReadonlyMap<string, LaneLimits>;

/**
 * The lanes of the pool with this name: one for each token that may post jobs to it, and one for the password if there is one.
 * Undefined where tokens are not in use.
 */
export function lanesOf({ http, commands }: Config, pool: string): Lanes | undefined {
  const { tokens, passwordDigest } = http;
  if (!tokens) return undefined;
  const inPool = commands.filter((command) => command.pool === pool).map(({ name }) => name);
  const mayUse = tokens.filter(({ scopes, commands }) =>
    scopes.includes("submit") && (!commands || commands.some((name) => inPool.includes(name)))
  );
  return new Map<string, LaneLimits>([
    ...mayUse.map(({ name, maxRunning, maxWaiting }) =>
      [name, { maxRunning, maxWaiting }] as const
    ),
    ...passwordDigest ? [[passwordName, {}] as const] : [],
  ]);
}
