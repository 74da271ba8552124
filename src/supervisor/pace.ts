/**
 * When main does what the service asks for. A service that does not wait for its answers is found out before it costs any
 * work: main reads its second question before it begins with the first.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import { type MainAbilities, questionRules } from "../isolate/abilities.ts";

/** What is returned resolves when main may begin with a question of that kind. */
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
