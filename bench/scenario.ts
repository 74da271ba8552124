/**
 * One thing to measure, with a server of its own.
 *
 * @module
 */

import type { Figure } from "./figure.ts";
import type { Floor } from "./floor.ts";
import type { Settings } from "./settings.ts";

/** What a scenario is given. */
export interface Bench {
  /** How much of everything. */
  readonly settings: Settings;
  /** Absolute path of the cheapest command there is. */
  readonly program: string;
  /** An empty folder that is removed afterwards. */
  readonly folder: string;
  /** Undefined when there is none on this machine. */
  readonly floor: Floor | undefined;
  /** Aborts when the benchmark is to end early. */
  readonly signal: AbortSignal;
  /** Reports progress. */
  say(sentence: string): void;
}

/** The result of a scenario. */
export interface Measured {
  /** How it was set up, in half a sentence. */
  readonly setup: string;
  /** In the order of the table. Those that this machine cannot measure are missing. */
  readonly figures: readonly Figure[];
  /** One sentence for each group of figures that is missing. */
  readonly leftOut?: readonly string[];
  /** What the figures come from, for `results.json`. */
  readonly details?: unknown;
}

/** One thing to measure. */
export interface Scenario {
  /** Its name in `BENCH_ONLY`. */
  readonly name: string;
  /** Measures. Whatever it started has ended when this resolves or throws. */
  run(bench: Bench): Promise<Measured>;
}
