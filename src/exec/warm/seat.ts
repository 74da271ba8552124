/**
 * The place of one worker's warm process, which is of the command that the worker ran last. Nothing restarts a process by the
 * clock: one is started when the server starts, after the end of one that served a job, or for a job.
 *
 * @module
 */

import type { WarmStart, WarmState } from "../../jobs/warm.ts";
import type { KeptWorkspace } from "../../spool/kept_workspace.ts";
import { detailOf } from "../not_started.ts";
import type { Variables, WarmCommand } from "./command.ts";
import type { WarmProcess } from "./process.ts";

/** What the workers of a pool run. */
export interface PoolCommands {
  /** Its warm commands, by name. */
  readonly commands: ReadonlyMap<string, WarmCommand>;
  /** The command that a worker starts before its first job; undefined if the pool has several commands. */
  readonly only: WarmCommand | undefined;
  /** Number of workers. */
  readonly size: number;
}

/** What the seats of a pool have in common. */
export interface SeatPool {
  /** What its workers run now. */
  readonly commands: PoolCommands;
  /** Whether no process is started ahead any more. */
  readonly isClosing: boolean;
  /** Whether processes without a job are killed instead of told to exit. */
  readonly isCut: boolean;
}

/** How long a process that is to exit may take if a job waits for that, in milliseconds. */
const hurriedMs = 1000;

/**
 * A new process that has not exited for this long, in milliseconds, waits for a job; any program that reads no job may do
 * something else for so long.
 */
const waitsAfterMs = 2000;

/** How long a process that exited while it was idle may have lived, in milliseconds, to count as one that reads no job. */
const longestUnawareMs = 10_000;

/** How many processes of a worker may be leaving at the same time before a job, or a start ahead, waits for the oldest. */
const mostLeaving = 8;

/** Maximum number of ends in a row that are not followed by a start ahead, because processes had exited while they were idle. */
const mostSkipped = 63;

/** See the module's head. */
export class Seat {
  readonly #workerId: number;
  readonly #pool: SeatPool;
  #process: WarmProcess | undefined;
  /**
   * The command that the worker runs, or ran last; undefined if it is a cold one. The process was started with it, or with one of
   * an equal key.
   */
  #command: WarmCommand | undefined;
  /** Whether the worker has a job. */
  #isBusy = false;
  #starting: Promise<void> | undefined;
  /** Processes that were told to exit, each with what resolves when it is gone. */
  readonly #ending = new Map<WarmProcess, Promise<void>>();
  /** For the start ahead if there is no process, else for the end of the process's age. */
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Whether the process is so old that it gets no further job. */
  #isOld = false;
  /** How many processes in a row have exited while they were idle, and how many starts ahead are left out because of that. */
  #idleDeaths = 0;
  #toSkip = 0;
  /** How long a process must have waited to get its first job, in milliseconds: 0 as long as none has exited without one. */
  #mustWaitMs = 0;

  /** Makes an empty one. */
  constructor(workerId: number, pool: SeatPool) {
    this.#workerId = workerId;
    this.#pool = pool;
  }

  /** Its process as others may see it; undefined without one. */
  get state(): WarmState | undefined {
    const process = this.#process;
    return process &&
      { pid: process.pid, sinceMs: performance.now() - process.startedMs, jobs: process.jobs };
  }

  /**
   * To be called before the worker runs a job of this command; undefined: a cold one. Resolves with the idle process for it, if
   * there is one; any other has ended by then.
   */
  async claim(command: WarmCommand | undefined): Promise<WarmProcess | undefined> {
    this.#isBusy = true;
    if (!this.#process) clearTimeout(this.#timer);
    // A start ahead waits for them too, but in no hurry.
    if (this.#ending.size > 0) await this.#gone(hurriedMs);
    await this.#starting;
    const isOther = this.#process?.fate !== undefined || this.#command?.key !== command?.key;
    if (this.#process && isOther) void this.#discard();
    if (this.#mayBeUnaware) {
      // It may have begun to work without a job, and its exit would count as the end of this one.
      this.#countIdleDeath();
      void this.#discard();
      this.hurry(0);
    }
    if (this.#ending.size > 0) await this.#gone(hurriedMs);
    this.#command = command;
    return this.#process;
  }

  /** The same for a cold command. Returns a promise only if something has to end first: most workers never had a process. */
  claimForCold(): Promise<unknown> | undefined {
    if (this.#process || this.#starting || this.#ending.size > 0) return this.claim(undefined);
    this.#isBusy = true;
    clearTimeout(this.#timer);
    this.#command = undefined;
    return undefined;
  }

  /** To be called after each job of a cold command. */
  release(): void {
    this.#isBusy = false;
    if (!this.#process) this.#startLater();
  }

  /** Starts a process for the job of the worker. Rejects with errors of `startCommand`. */
  async start(
    command: WarmCommand,
    files: KeptWorkspace,
    variables: Variables,
  ): Promise<WarmProcess> {
    return await this.#launch(command, files, variables, "job");
  }

  /**
   * Ends the process of the worker's job, which could not be given to it. Its files are left for another one, which will have
   * the same mark. So it resolves when the whole tree is gone, and nobody looks for that mark any more.
   */
  async retire(): Promise<void> {
    if (!this.#process) return;
    const treeGone = this.#process.endTree();
    // Before it is killed, so that its exit is not taken for one of its own accord.
    const gone = this.#discard(false);
    await treeGone;
    this.hurry(0);
    await gone;
  }

  /**
   * To be called after each job of a warm command: without files if they are gone. Resolves when nothing is left of the job.
   * `wasWarm`: the process was there before the job.
   */
  async giveBack(files: KeptWorkspace | undefined, wasWarm: boolean): Promise<void> {
    const process = this.#process;
    if (wasWarm) this.#idleDeaths = this.#toSkip = this.#mustWaitMs = 0;
    try {
      if (!process) await files?.remove();
      else if (process.fate || this.#isSpent(process) || !await isRenewed(process)) {
        const gone = this.#discard();
        // Nothing is waited for that may take long: the next job on this seat waits, if there is one.
        if (process.status) await gone;
      }
    } finally {
      this.release();
    }
  }

  /** Starts a process for the worker's next job, unless it has one or has a job. Resolves when that is done. */
  async startAhead(why: Exclude<WarmStart, "job">, command: WarmCommand): Promise<void> {
    if (this.#starting || this.#process || !this.#mayStart) return;
    clearTimeout(this.#timer);
    this.#starting = this.#startNow(why, command);
    try {
      await this.#starting;
    } finally {
      this.#starting = undefined;
    }
  }

  /** Takes over the pool's commands: an idle process that the pool does not need ends. */
  update(): void {
    if (!this.#process) return;
    const command = this.#current;
    if (command && command.key === this.#command?.key) {
      this.#command = command;
      this.#limitAge(command, performance.now() - this.#process.startedMs);
    }
    if (!command && !this.#isBusy) void this.#discard();
  }

  /** Replaces an idle process that was started with something else. Resolves when that is done. */
  async renew(): Promise<void> {
    const command = this.#current;
    if (this.#isBusy || !this.#process || !command || command.key === this.#command?.key) return;
    await this.#discard();
    await this.startAhead("boot", command);
  }

  /** Ends the process if it is idle. */
  endIdle(): void {
    if (!this.#process) clearTimeout(this.#timer);
    else if (!this.#isBusy) void this.#discard();
  }

  /** Ends the process; resolves when it and those before it are gone. Only while the worker has no job and gets none. */
  async close(): Promise<void> {
    await this.#starting;
    this.endIdle();
    await Promise.all(this.#ending.values());
  }

  /** Gives those processes that are to exit at most this much longer, in milliseconds. */
  hurry(ms: number): void {
    for (const process of this.#ending.keys()) process.hurry(ms);
  }

  /** The command of the process as the pool has it now; undefined if the pool does not need this process. */
  get #current(): WarmCommand | undefined {
    const { commands, size } = this.#pool.commands;
    return this.#workerId <= size ? commands.get(this.#command?.settings.name ?? "") : undefined;
  }

  get #mayStart(): boolean {
    return !this.#isBusy && !this.#pool.isClosing;
  }

  /** Whether a process has done its part. */
  #isSpent({ jobs }: WarmProcess): boolean {
    const command = this.#current;
    if (!command || command.key !== this.#command?.key) return true;
    return this.#isOld || jobs >= command.settings.maxJobs;
  }

  /**
   * Replaces the process at the end of its age, or after the job that it has then. One timer for its whole life: the runtime
   * keeps some memory for each duration that timers had, so none depends on when a job ends.
   */
  #limitAge({ settings: { maxAgeMs } }: WarmCommand, ageMs: number): void {
    clearTimeout(this.#timer);
    this.#isOld = false;
    if (maxAgeMs === Infinity) return;
    this.#timer = setTimeout(() => {
      this.#isOld = true;
      this.#replaceIdle();
    }, Math.max(0, maxAgeMs - ageMs));
  }

  #replaceIdle(): void {
    if (this.#isBusy || !this.#process) return;
    void this.#discard();
    this.#startLater();
  }

  /** Starts a process when the answer of the job before is on its way, unless processes have exited while they were idle. */
  #startLater(): void {
    const command = this.#current;
    if (!command || !this.#mayStart) return;
    if (this.#toSkip > 0) {
      this.#toSkip--;
      return;
    }
    this.#timer = setTimeout(() => void this.startAhead("ahead", command));
  }

  async #startNow(why: WarmStart, command: WarmCommand): Promise<void> {
    await this.#gone();
    if (!this.#mayStart) return;
    let files: KeptWorkspace | undefined;
    try {
      files = await command.createFiles(this.#workerId);
      await this.#launch(command, files, undefined, why);
    } catch (error) {
      this.#countIdleDeath();
      const { listener, onLeftover } = command.settings;
      listener.notStarted({ workerId: this.#workerId, reason: detailOf(error) });
      await files?.remove().catch(onLeftover);
    }
    // The pool may have got other commands meanwhile.
    if (this.#pool.isClosing || this.#current?.key !== command.key) this.#replaceIdle();
  }

  async #launch(
    command: WarmCommand,
    files: KeptWorkspace,
    variables: Variables | undefined,
    why: WarmStart,
  ): Promise<WarmProcess> {
    const { listener } = command.settings;
    const workerId = this.#workerId;
    const process = await command.start(files, workerId, variables, {
      onIdleExit: () => {
        if (this.#process === process && !this.#isBusy) void this.#discard();
      },
      onStray: (bytes, isFault) => {
        listener.dropped(bytes);
        if (!isFault) return;
        listener.strayed({ pid: process.pid, workerId });
        if (this.#process === process) this.#replaceIdle();
      },
    });
    this.#process = process;
    this.#command = command;
    this.#limitAge(command, 0);
    listener.started(why);
    return process;
  }

  /** Ends the process; resolves when it is gone, with its files if they are not needed any more. */
  #discard(withFiles = true): Promise<void> {
    const [process, command] = [this.#process, this.#command];
    if (!process || !command) return Promise.resolve();
    this.#process = undefined;
    clearTimeout(this.#timer);
    const { listener, onLeftover } = command.settings;
    const ended = process.end("recycled");
    const why = process.fate ?? "recycled";
    listener.ended(why);
    if (why === "idle_death") this.#countIdleDeath(process);
    if (why === "protocol" || this.#pool.isCut) process.hurry(0);
    const gone = ended.then(async () => {
      if (withFiles) await process.files.remove().catch(onLeftover);
      // During a stop that is no surprise: Ctrl+C reaches processes without a session of their own too.
      if (why === "idle_death" && !this.#pool.isClosing) {
        const { code = 137, signal = null } = process.status ?? {};
        const about = { pid: process.pid, workerId: this.#workerId };
        listener.diedIdle({ ...about, exitStatus: code, signal: signal ?? undefined });
      }
      this.#ending.delete(process);
    });
    this.#ending.set(process, gone);
    return gone;
  }

  #countIdleDeath(process?: WarmProcess): void {
    this.#idleDeaths++;
    this.#toSkip = Math.min(2 ** this.#idleDeaths - 1, mostSkipped);
    if (!process || process.jobs > 0) return;
    const livedMs = performance.now() - process.startedMs;
    if (livedMs < longestUnawareMs) this.#mustWaitMs = Math.max(waitsAfterMs, 2 * livedMs);
  }

  /** Whether the process may be one of a program that reads no job, because those before it were. */
  get #mayBeUnaware(): boolean {
    const process = this.#process;
    return process?.jobs === 0 && performance.now() - process.startedMs < this.#mustWaitMs;
  }

  /** Resolves when those processes are gone that are to exit, apart from the latest of those that said that they leave. */
  async #gone(hurriedMs?: number): Promise<void> {
    const mayStay = this.#ending.size - mostLeaving;
    const ending = [...this.#ending].filter(([{ fate }], index) =>
      fate !== "leaving" || index < mayStay
    );
    for (const [process] of ending) if (hurriedMs !== undefined) process.hurry(hurriedMs);
    await Promise.all(ending.map(([, gone]) => gone));
  }
}

/** Makes the files of a process ready for another job; false if that is impossible or the process is over by now. */
async function isRenewed(process: WarmProcess): Promise<boolean> {
  try {
    await process.files.renew();
  } catch {
    return false;
  }
  return process.fate === undefined;
}
