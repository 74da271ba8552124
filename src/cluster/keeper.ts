/**
 * Keeps the stream of a pool as it is to be: there, and with the limit that follows from the machines that live.
 *
 * @module
 */

import type { Group } from "./group.ts";
import { LinkError, type StreamSettings } from "./link.ts";
import type { ClusterLine } from "./line.ts";
import { type Beat, keeperOf, limitOf } from "./nodes.ts";

/** For how long a machine that has just connected listens to the others before it lowers a limit, in milliseconds. */
const settleMs = 2500;

/** What a keeper is made of. */
export interface KeeperParts {
  /** What it shares with the rest of the room. */
  readonly group: Group;
  /** The queue. */
  readonly line: ClusterLine;
  /** How the stream is to be stored. */
  readonly settings: Pick<StreamSettings, "storage" | "replicas">;
  /** Called with a sentence for the user if the stream cannot be used, once for each sentence. */
  readonly onRefused: (sentence: string) => void;
}

/** See the module's head. */
export class Keeper {
  readonly #parts: KeeperParts;
  #exists = false;
  /** Whether it was reported that the queue can be used. */
  #isUsable = false;
  /** The sentence that was passed to `onRefused`. */
  #refused: string | undefined;
  #size: { readonly messages: number; readonly maxMessages: number } | undefined;

  /** A keeper that has not looked yet. */
  constructor(parts: KeeperParts) {
    this.#parts = parts;
  }

  /** Number of jobs that were not over when the server was last asked; undefined before that. */
  get unfinished(): number | undefined {
    return this.#size?.messages;
  }

  /** How many there may be, by what this machine knows; at least 1, since the server has no smaller limit. */
  get limit(): number {
    return Math.max(1, limitOf(this.#parts.line.pool, this.#beats()));
  }

  #beats(): readonly Beat[] {
    const { nodes, clock } = this.#parts.group;
    return nodes.alive(clock.now()).map(({ beat }) => beat);
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
      const limit = this.limit;
      const isDue = limit !== maxMessages && this.#isKeeper() &&
        (limit > maxMessages || this.#hasSettled());
      if (isDue) await link.setMaxMessages(stream, limit);
      this.#size = { messages, maxMessages: isDue ? limit : maxMessages };
    } catch (error) {
      if (error instanceof LinkError && error.trouble === "not_found") this.#exists = false;
    }
  }

  async #ensure(): Promise<void> {
    const { group: { link, ackWaitMs, report }, line, settings, onRefused } = this.#parts;
    try {
      await link.ensure({ ...line.names, ...settings, maxMessages: this.limit, ackWaitMs });
      this.#exists = true;
      this.#refused = undefined;
      if (!this.#isUsable) report.usable(line.pool);
      this.#isUsable = true;
      line.executor.renew();
    } catch (error) {
      if (!(error instanceof LinkError) || error.trouble !== "refused") return;
      if (error.message !== this.#refused) onRefused(error.message);
      this.#refused = error.message;
      this.#isUsable = false;
    }
  }

  /** Whether this machine is the one that changes the limit. */
  #isKeeper(): boolean {
    const { group: { node }, line: { pool } } = this.#parts;
    return keeperOf(pool, this.#beats()) === node;
  }

  /** Whether every machine that lives was heard. */
  #hasSettled(): boolean {
    const { link, clock } = this.#parts.group;
    return clock.now() - link.connectedAt > settleMs;
  }
}
