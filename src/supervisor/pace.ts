/**
 * Delays main's work for the service. A service that does not wait for answers is detected before it costs any work: main
 * reads the service's second question before it begins with the first.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import { type MainAbilities, questionRules } from "../isolate/abilities.ts";

/** Returns a function whose promise resolves when main may begin with a question of that kind. */
export function createPace(): (kind: keyof MainAbilities) => Promise<void> {
  const freeAt = new Map<keyof MainAbilities, number>();
  return async (kind) => {
    const { pauseMs } = questionRules[kind];
    if (pauseMs === undefined) return;
    const now = performance.now();
    const beginAt = Math.max(now, freeAt.get(kind) ?? 0);
    freeAt.set(kind, beginAt + pauseMs);
    await new Promise<void>((begin) => {
      if (beginAt > now) setTimeout(begin, beginAt - now);
      else setImmediate(begin);
    });
  };
}
