/**
 * Keeps the stream of a pool as it is to be: there, and with the limit that follows from the machines that live.
 *
 * @module
 */

import type { Group } from "./group.ts";
import { LinkError, type StreamSettings } from "./link.ts";
import type { ClusterLine } from "./line.ts";
import { keeperOf, limitOf } from "./nodes.ts";

/** For how long a machine that has just connected listens to the others before it changes a limit, in milliseconds. */
const settleMs = 2500;

/** What a keeper is made of. */
export interface KeeperParts {
  /** What it shares with the rest of the room. */
  readonly group: Group;
  /** The queue. */
  readonly line: ClusterLine;
  /** How the stream is to be stored. */
  readonly settings: Pick<StreamSettings, "storage" | "replicas">;
  /** Called with a sentence for the user if the stream can never be used. */
  readonly onRefused: (sentence: string) => void;
}

/** See the module's head. */
export class Keeper {
  readonly #parts: KeeperParts;
  #exists = false;
  #size: { readonly messages: number; readonly maxMessages: number } | undefined;

  /** A keeper that has not looked yet. */
  constructor(parts: KeeperParts) {
    this.#parts = parts;
  }

  /** Number of jobs that were not over when the server was last asked; undefined before that. */
  get unfinished(): number | undefined {
    return this.#size?.messages;
  }

  /** How many there may be, by what this machine knows. */
  get limit(): number {
    const { group, line } = this.#parts;
    return limitOf(line.pool, group.nodes.alive(group.clock.now()).map(({ beat }) => beat));
  }

  /** There is a new connection, perhaps to a server that has no stream. Makes it, and then asks for jobs. */
  async begin(): Promise<void> {
    this.#exists = false;
    await this.#ensure();
  }

  /** To be called every second. */
  async look(): Promise<void> {
    if (!this.#exists) return await this.#ensure();
    const { group: { link }, line: { names: { stream } } } = this.#parts;
    try {
      const { messages, maxMessages } = await link.size(stream);
      const limit = Math.max(1, this.limit);
      const isDue = this.#isKeeper() && limit !== maxMessages;
      if (isDue) await link.setMaxMessages(stream, limit);
      this.#size = { messages, maxMessages: isDue ? limit : maxMessages };
    } catch (error) {
      if (error instanceof LinkError && error.trouble === "not_found") this.#exists = false;
    }
  }

  async #ensure(): Promise<void> {
    const { group: { link, ackWaitMs }, line, settings, onRefused } = this.#parts;
    const { workers, places } = line.beat();
    try {
      const maxMessages = workers + places;
      await link.ensure({ ...line.names, ...settings, maxMessages, ackWaitMs });
      this.#exists = true;
      line.executor.renew();
    } catch (error) {
      if (error instanceof LinkError && error.trouble === "refused") onRefused(error.message);
    }
  }

  /** Whether this machine is the one that changes the limit, and has heard the others. */
  #isKeeper(): boolean {
    const { group: { link, nodes, node, clock }, line: { pool } } = this.#parts;
    const beats = nodes.alive(clock.now()).map(({ beat }) => beat);
    return clock.now() - link.connectedAt > settleMs && keeperOf(pool, beats) === node;
  }
}
