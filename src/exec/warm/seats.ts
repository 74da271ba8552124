/**
 * The seats of a pool's workers.
 *
 * @module
 */

import type { WarmState } from "../../jobs/warm.ts";
import { type PoolCommands, Seat } from "./seat.ts";

/** At most one warm process for each worker of a pool. */
export class Seats {
  readonly #seats = new Map<number, Seat>();
  readonly #pool = {
    commands: { commands: new Map(), only: undefined, size: 0 } as PoolCommands,
    isClosing: false,
    isCut: false,
  };
  /** Number of changes of the commands. */
  #changes = 0;

  /** The seat of a worker. */
  of(workerId: number): Seat {
    const known = this.#seats.get(workerId);
    if (known) return known;
    const seat = new Seat(workerId, this.#pool);
    this.#seats.set(workerId, seat);
    return seat;
  }

  /** The process of a worker; undefined without one. */
  stateOf(workerId: number): WarmState | undefined {
    return this.#seats.get(workerId)?.state;
  }

  /**
   * Gives the workers other commands. Idle processes that are not needed end at once; those that were started with something else
   * are replaced one after the other, busy ones after their job.
   */
  replace(commands: PoolCommands): void {
    this.#pool.commands = commands;
    const change = ++this.#changes;
    for (const seat of this.#seats.values()) seat.update();
    void this.#fill(() => change === this.#changes && !this.#pool.isClosing);
  }

  /** One process after the other, so that many of them do not take the machine from jobs. */
  async #fill(isCurrent: () => boolean): Promise<void> {
    for (const seat of [...this.#seats.values()]) {
      if (isCurrent()) await seat.renew();
    }
    const { only, size } = this.#pool.commands;
    for (let id = 1; only && id <= size && isCurrent(); id++) {
      await this.of(id).startAhead("boot", only);
    }
  }

  /** Ends the idle processes and starts none ahead any more. Those that have a job may get others. */
  beginClose(): void {
    this.#pool.isClosing = true;
    for (const seat of this.#seats.values()) seat.endIdle();
  }

  /** Ends all processes; resolves when they are gone. Only while no worker has a job and none gets one. */
  async close(): Promise<void> {
    this.beginClose();
    await Promise.all([...this.#seats.values()].map((seat) => seat.close()));
  }

  /** Kills those processes that have no job, now and later. */
  cut(): void {
    this.#pool.isCut = true;
    this.beginClose();
    for (const seat of this.#seats.values()) seat.hurry(0);
  }
}
