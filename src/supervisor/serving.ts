/**
 * A service as main sees it, wherever it runs: types only.
 *
 * @module
 */

import type { Cut } from "../jobs/line.ts";
import type { Loss } from "./isolate.ts";

/** A service that listens. */
export interface Service {
  /** Where. */
  readonly url: string;
  /** Resolves when the service is gone, hangs, or was ended because it sent a wrong message. */
  readonly died: Promise<Loss>;
  /** Resolves when the service met a bug that belongs to no request. It still works. */
  readonly faulty: Promise<void>;
  /** Admits nothing new, finishes what there is; resolves when the last answer is handed over, with how many were given up. */
  drain(): Promise<number>;
  /** Ends what is left, with an answer for every client; resolves with how many jobs that affected. */
  cut(): Promise<Cut>;
  /** Ends the service at once. */
  terminate(): void;
}

/** How the isolate is made and watched. Only tests of its failures need another than the default. */
export interface IsolateOptions {
  /** The module that the isolate runs. */
  readonly entry: URL;
  /** How long it may take to listen, or to say what it can do. */
  readonly startMs: number;
  /** How often it is asked whether it is alive. */
  readonly heartbeatMs: number;
  /** Called for each answer. */
  readonly onAlive?: () => void;
}
