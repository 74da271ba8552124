/**
 * The service from main's point of view, in whichever isolate it runs. Types only.
 *
 * @module
 */

import type { Replaced, ServiceSettings } from "../isolate/messages.ts";
import type { Cut } from "../jobs/line.ts";
import type { Loss } from "./isolate.ts";

/** A listening service. */
export interface Service {
  /** The URL on which it listens. */
  readonly url: string;
  /** Resolves when the service has crashed, hangs, or was terminated because it sent a wrong message. */
  readonly died: Promise<Loss>;
  /** Resolves when the service reported a bug that belongs to no request. The service still works. */
  readonly faulty: Promise<void>;
  /** Replaces commands, pools and settings for new requests: all of them or, with a reason, none. */
  replace(settings: ServiceSettings): Promise<Replaced>;
  /**
   * Drains: admits nothing new and finishes the admitted jobs. Resolves when the last answer is sent, with the number of
   * answers that were given up.
   */
  drain(): Promise<number>;
  /** Forced stop: ends the remaining jobs, with an answer for every client. Resolves with how many jobs that affected. */
  cut(): Promise<Cut>;
  /** Terminates the service at once. */
  terminate(): void;
}

/** How the isolate is created and watched. Only tests of its failures need other values than the defaults. */
export interface IsolateOptions {
  /** The module that the isolate runs. */
  readonly entry: URL;
  /** How long it may take to listen, or to report what it may do. */
  readonly startMs: number;
  /** How often it is pinged. */
  readonly heartbeatMs: number;
  /** Called for each answer to a ping. */
  readonly onAlive?: () => void;
}
