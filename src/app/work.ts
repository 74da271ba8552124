/**
 * The commands that are served and the pools that run them. Both can be replaced while jobs wait and run: every request keeps
 * the version of its command that it found, and so does its job.
 *
 * @module
 */

import { type ColdStartSettings, createColdStart } from "../exec/cold_start.ts";
import { createScratch } from "../exec/pipe.ts";
import { WarmCommand } from "../exec/warm/command.ts";
import { besideWarm, createWarmRunner } from "../exec/warm/runner.ts";
import type { PoolCommands } from "../exec/warm/seat.ts";
import type { CommandConfig, Config } from "../config/config.ts";
import type { HostShare, PoolHost } from "../cluster/host.ts";
import { stdinIsPiped } from "../config/stdin.ts";
import type { MainAbilities } from "../isolate/abilities.ts";
import { type Ask, shared } from "../isolate/ask.ts";
import type { CommandStart, ServiceSettings, ServiceStart } from "../isolate/messages.ts";
import type { Cut, LineSize, ResizableLine } from "../jobs/line.ts";
import type { RunningJob } from "../jobs/pool.ts";
import { openSpool } from "../spool/spool.ts";
import { messageOf } from "../telemetry/log.ts";
import { type Listeners, reportBug, runAndReport } from "./account.ts";
import { lanesOf } from "./lanes.ts";
import { LiveCommand } from "./live_command.ts";
import { type LivePool, startLivePool } from "./live_pool.ts";
import { createPoolHost } from "./pool_host.ts";
import { warmListener } from "./warm_report.ts";

/** What running commands needs besides their configuration. */
export interface WorkParts extends Pick<ServiceStart, "spool"> {
  /** Asks main to kill processes, to repair the server's folder and to empty the slots of launchers. */
  readonly ask: Ask<MainAbilities>;
  /** Where the runs are reported. */
  readonly listeners: Listeners;
  /** The machines that share the queues; undefined on a machine of its own. */
  readonly group?: {
    /** Opens the queue of a pool. */
    openLine(pool: string, size: LineSize, host: PoolHost): ResizableLine;
    /** Room for a job of another machine. */
    openShare(): HostShare;
  } | undefined;
}

/** The commands that are served, and how each is started. */
export type Served = Pick<ServiceSettings, "config" | "starts">;

/** The commands and pools of a service. */
export interface Work {
  /** The configuration that holds for new requests. */
  readonly config: Config;
  /** The command with this name, without a name the default command. The caller must release it. */
  use(name?: string): LiveCommand | undefined;
  /** The pools of the configuration, and those of earlier ones that still have jobs, in the order in which they were added. */
  readonly pools: readonly LivePool[];
  /** Number of jobs that a worker has taken since the start. */
  readonly started: number;
  /** Gives new requests other commands and pools. */
  replace(settings: Served): void;
  /** Ends the processes that have no job; further jobs get processes of their own. */
  endIdle(): void;
  /** Forced stop: ends all jobs. */
  cut(): Cut;
  /** Stops admitting jobs; resolves when every admitted job has its outcome. Idempotent. */
  close(): Promise<void>;
}

/** Warm processes have at least this long to exit after the end of their standard input, in milliseconds. */
const shortestGraceMs = 5000;

/** Starts the pools of the configuration. */
export function startWork(first: Served, { spool, ask, listeners, group }: WorkParts): Work {
  const { log } = listeners;
  const repair = shared(async () => {
    const reason = await ask("repair");
    if (reason !== undefined) throw new Error(reason);
  });
  const scratch = createScratch();
  const folder = openSpool(spool, repair);
  let config = first.config;
  /** The commands of the configuration, by name. */
  let current = new Map<string, LiveCommand>();
  /** All versions that are current or in use, by number. */
  const versions = new Map<number, LiveCommand>();
  const pools = new Map<string, LivePool>();
  let lastVersion = 0;
  /** Pools without jobs whose processes are ending. */
  const closing = new Set<LivePool>();
  /** Jobs that pools had started which are gone. */
  let startedBefore = 0;

  function makeCommand(given: CommandConfig, start: CommandStart, pool: LivePool): LiveCommand {
    const { name, command, passHeaders, launch, run, killGraceMs: graceMs } = given;
    const names = config.named ? { command: name, pool: given.pool } : undefined;
    const onLeftover = (error: unknown) =>
      log.write("a job's files could not be removed", { "exception.message": messageOf(error) });
    const starting: ColdStartSettings = {
      spool: folder,
      requestSuffix: run.requestSuffix,
      responseSuffix: run.responseSuffix,
      command,
      names,
      passHeaders,
      commandEnv: start.env,
      launcher: start.launcher,
      workingDirectory: launch.workingDirectory,
      stdin: stdinIsPiped(run) ? "piped" : "null",
      repair,
      scratch,
      jobTimeoutMs: run.jobTimeoutMs,
      trees: {
        endTree: ({ pid, mark }) => ask("end_tree", { pid, mark, holdersOnly: false, graceMs }),
        endHolders: ({ pid, mark }) => ask("end_tree", { pid, mark, holdersOnly: true, graceMs }),
      },
    };
    const warm = run.warm
      ? new WarmCommand({
        ...starting,
        name,
        maxJobs: run.warmMaxJobs,
        maxAgeMs: run.warmMaxAgeMs,
        graceMs: Math.max(graceMs, shortestGraceMs),
        listener: warmListener(listeners, names),
        onLeftover,
      })
      : undefined;
    const runner = warm
      ? createWarmRunner(warm, pool.seats)
      : besideWarm(createColdStart(starting), pool.seats);
    const settings = { ...run, runner, spool: folder, onLeftover };
    const version = ++lastVersion;
    return new LiveCommand(
      { version, config: given, start, pool, names, settings, warm },
      dropIfUnused,
    );
  }

  function startPool(given: Config["pools"][number]): LivePool {
    const versionOf = ({ spec }: RunningJob) => {
      const command = versions.get(spec.version);
      if (!command) throw new Error(`no command has the version ${spec.version}`);
      return command.parts;
    };
    return startLivePool(given, lanesOf(config, given.name), {
      openLine: group && ((size) => group.openLine(given.name, size, hostOf(given.name, group))),
      run(job, workerId) {
        const { settings, names, config: { command: { program } } } = versionOf(job);
        return runAndReport(job, workerId, settings, listeners, { names, program });
      },
      onBug: (bug, job) => reportBug(bug, job, log, versions.get(job.spec.version)?.names),
    });
  }

  function hostOf(
    pool: string,
    { openShare }: Pick<NonNullable<WorkParts["group"]>, "openShare">,
  ): PoolHost {
    return createPoolHost({
      commands: () => [...current.values()].filter(({ parts }) => parts.config.pool === pool),
      settingsOf: ({ version }) => (versions.get(version) as LiveCommand).parts.settings,
      namesOf: (command) => config.named ? { command, pool } : undefined,
      openShare,
    });
  }

  function replace({ config: next, starts }: Served): void {
    config = next;
    for (const given of next.pools) {
      const pool = pools.get(given.name);
      if (pool) pool.resize(given, lanesOf(next, given.name));
      else pools.set(given.name, startPool(given));
    }
    const before = current;
    current = new Map();
    next.commands.forEach((given, index) => {
      const start = starts[index] as CommandStart;
      const pool = pools.get(given.pool) as LivePool;
      const known = before.get(given.name);
      const command = known && isSame(known, given, start)
        ? known
        : makeCommand(given, start, pool);
      current.set(given.name, command);
      versions.set(command.version, command);
      listeners.metrics.announce({ names: command.names, numWorkers: pool.config.numWorkers });
    });
    for (const pool of pools.values()) pool.seats.replace(commandsOf(pool));
    for (const command of before.values()) dropIfUnused(command);
    dropUnusedPools();
  }

  /** What the workers of a pool run in this configuration. */
  function commandsOf(pool: LivePool): PoolCommands {
    const all = [...current.values()].filter(({ parts }) => parts.pool === pool);
    const warm = all.map(({ parts }) => parts.warm).filter((command) => command !== undefined);
    return {
      commands: new Map(warm.map((command) => [command.settings.name, command])),
      only: all.length === 1 ? warm[0] : undefined,
      size: pool.config.numWorkers,
    };
  }

  /** Forgets a version that neither the configuration nor a request needs, with its launcher and its pool. */
  function dropIfUnused(command: LiveCommand): void {
    if (command.inUse || current.get(command.name) === command) return;
    if (!versions.delete(command.version)) return;
    const path = command.parts.start.launcher?.path;
    const isNeeded = [...versions.values()].some(({ parts }) =>
      parts.start.launcher?.path === path
    );
    if (path !== undefined && !isNeeded) void ask("free_launcher", { path });
    dropUnusedPools();
  }

  /** Closes the pools that no version needs: they have no jobs. */
  function dropUnusedPools(): void {
    const needed = new Set([...versions.values()].map(({ parts }) => parts.pool));
    for (const [name, pool] of pools) {
      if (needed.has(pool)) continue;
      pools.delete(name);
      startedBefore += pool.dispatch.pool.started;
      const closed = pool.close();
      closing.add(pool);
      void closed.then(() => closing.delete(pool));
    }
  }

  replace(first);
  return {
    get config() {
      return config;
    },
    use: (name = config.defaultCommand) =>
      name === undefined ? undefined : current.get(name)?.use(),
    get pools() {
      return [...pools.values()];
    },
    get started() {
      return [...pools.values()].reduce(
        (sum, { dispatch }) => sum + dispatch.pool.started,
        startedBefore,
      );
    },
    replace,
    endIdle() {
      for (const { seats } of pools.values()) seats.beginClose();
    },
    cut() {
      const cuts = [...pools.values()].map(({ dispatch }) => dispatch.line.cut());
      for (const { seats } of [...pools.values(), ...closing]) seats.cut();
      return {
        running: cuts.reduce((sum, { running }) => sum + running, 0),
        waiting: cuts.reduce((sum, { waiting }) => sum + waiting, 0),
      };
    },
    async close() {
      await Promise.all([...pools.values(), ...closing].map((pool) => pool.close()));
    },
  };
}

/** Whether a version has this configuration and is started like this. Both are plain data. */
function isSame({ parts }: LiveCommand, config: CommandConfig, start: CommandStart): boolean {
  return JSON.stringify([parts.config, parts.start]) === JSON.stringify([config, start]);
}
