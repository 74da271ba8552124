/**
 * What HTTP gets from the commands that are served.
 *
 * @module
 */

import type { Cluster } from "../cluster/cluster.ts";
import type { CommandConfig } from "../config/config.ts";
import type { FrontDoor } from "../http/door.ts";
import type { CommandState } from "../wire/commands.ts";
import type { Listeners } from "./account.ts";
import type { LivePool } from "./live_pool.ts";
import { statusOf } from "./status.ts";
import type { Work } from "./work.ts";

/** The part of the door that follows from the commands and pools. `startedAt` is a time of `performance.now()`. */
export function doorTo(
  work: Work,
  listeners: Pick<Listeners, "metrics" | "recent">,
  startedAt: number,
  group?: Pick<Cluster, "state">,
): Pick<
  FrontDoor,
  "named" | "command" | "commandNames" | "commands" | "retryAfterSec" | "status"
> {
  return {
    named: work.config.named,
    command: work.use,
    commandNames: () => work.config.commands.map(({ name }) => name).sort(),
    commands() {
      const { commands, defaultCommand } = work.config;
      const pools = new Map(work.pools.map((pool) => [pool.config.name, pool]));
      return {
        defaultName: defaultCommand,
        commands: commands.map((command) => stateOf(command, pools.get(command.pool))),
      };
    },
    retryAfterSec: () =>
      Math.max(...work.pools.map(({ dispatch }) => dispatch.line.retryAfterSec())),
    status() {
      const { named, commands } = work.config;
      return statusOf(
        {
          started: work.started,
          pools: work.pools.map(({ config: { name }, queueLimit, dispatch, seats }) => ({
            name: named ? name : undefined,
            dispatch,
            queueLimit,
            warm: (id) => seats.stateOf(id),
          })),
          ...(named
            ? {
              commands: commands.map(({ name, pool, description }) => ({
                names: { command: name, pool },
                description,
              })),
            }
            : {}),
          cluster: group?.state(),
        },
        listeners,
        (performance.now() - startedAt) / 1000,
      );
    },
  };
}

function stateOf(
  { name, description, pool, maxRequestBytes, maxRunBytes, run }: CommandConfig,
  live: LivePool | undefined,
): CommandState {
  const { numWorkers = 0, queueTimeoutMs = Infinity } = live?.config ?? {};
  return {
    name,
    description,
    pool,
    numWorkers,
    queueLimit: live?.queueLimit ?? 0,
    queueTimeoutSec: queueTimeoutMs / 1000,
    jobTimeoutSec: run.jobTimeoutMs / 1000,
    maxRequestBytes,
    maxRunBytes,
    maxOutputBytes: run.maxOutputBytes,
    maxResultBytes: run.maxResultBytes,
    busy: live?.dispatch.pool.busy ?? 0,
    queuedJobs: live?.dispatch.line.waiting ?? 0,
  };
}
