/**
 * The pools of the commands in the configuration file.
 *
 * @module
 */

import { poolKeys } from "./command_keys.ts";
import type { PoolConfig } from "../config.ts";
import type { Faults } from "./faults.ts";
import type { Section } from "./section.ts";
import { didYouMean } from "./similar.ts";
import type { NamedSection } from "./tables.ts";

/** What the top of the file, variables and flags set for every pool. */
export interface PoolDefaults extends Omit<PoolConfig, "name" | "queueLimit"> {
  /** The limit of the queue of a pool with this many workers; undefined if none is set and there are no workers. */
  queueLimitOf(numWorkers: number): number | undefined;
  /** Whether other machines can run the jobs of a pool. */
  readonly mayHaveNoWorkers: boolean;
}

/** Why a number of workers is not valid. */
export const onlyShared = "0 only with JOBRUNNER_NATS_URL";

/** The pools of a file. */
export interface Pools {
  /** The pool of a command; undefined if it is not known, which is a fault. */
  poolOf(command: NamedSection): PoolConfig | undefined;
  /** The pools of all commands that were asked for, in that order; pools of no command are faults. */
  all(): PoolConfig[];
}

/** The pools of a file: those in its tables, and those of commands that share theirs with no other. */
export function poolsOf(
  tables: readonly NamedSection[],
  { defaults, faults, settingCommand }: {
    readonly defaults: PoolDefaults;
    readonly faults: Faults;
    /** Where the command `default` is set, if not in its table. */
    readonly settingCommand: string | undefined;
  },
): Pools {
  const shared = new Map(tables.map((table) => [table.name, poolFrom(table.name, table)]));
  const used = new Map<string, PoolConfig>();
  /** Names of the commands that have a pool of their own. */
  const owners = new Set(settingCommand === undefined ? [] : ["default"]);

  function poolFrom(name: string, section: Section): PoolConfig {
    const own = section.number("num_workers");
    const numWorkers = own ?? defaults.numWorkers;
    const queueLimit = section.number("queue_limit") ?? defaults.queueLimitOf(numWorkers);
    if (!defaults.mayHaveNoWorkers) {
      if (own === 0) section.refuse("num_workers", onlyShared);
    } else if (queueLimit === undefined && !section.given.has("queue_limit")) {
      faults.add([...section.path, "queue_limit"], "must be set, since the pool has no workers");
    }
    return {
      name,
      numWorkers,
      queueLimit: queueLimit ?? 0,
      queueTimeoutMs: section.milliseconds("queue_timeout_sec") ?? defaults.queueTimeoutMs,
    };
  }

  function sharedPoolOf({ given, path, refuse }: NamedSection, name: string) {
    for (const key of poolKeys) {
      const found = given.get(key.name);
      if (!found) continue;
      const sentence = `must stand in [pools.${name}], since the command shares that pool`;
      faults.addValue([...path, key.name], found.value, sentence);
    }
    const pool = shared.get(name);
    if (pool) return pool;
    const hint = didYouMean(name, [...shared.keys()]);
    return refuse("pool", `there is none of this name${hint}`);
  }

  return {
    poolOf(command) {
      const name = command.text("pool");
      if (name === undefined) {
        // An invalid name is a fault already.
        if (command.given.has("pool")) return undefined;
        owners.add(command.name);
      }
      const pool = name === undefined
        ? poolFrom(command.name, command)
        : sharedPoolOf(command, name);
      if (pool) used.set(pool.name, pool);
      return pool;
    },
    all() {
      for (const name of shared.keys()) {
        const path = ["pools", name];
        if (name === "default" && settingCommand !== undefined) {
          faults.add(
            path,
            `must have another name, since the command that ${settingCommand} sets has a pool of this name`,
          );
        } else if (owners.has(name)) {
          faults.add(
            path,
            `must be named by the command of its name, which has a pool of its own: set pool = "${name}" in [commands.${name}]`,
          );
        } else if (!used.has(name)) {
          faults.add(path, `must be named by a command: pool = "${name}"`);
        }
      }
      return [...used.values()];
    },
  };
}
