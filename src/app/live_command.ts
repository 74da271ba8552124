/**
 * One version of a command, as its requests find it. When the configuration changes, a new version takes its place for new
 * requests; those that have found the old one keep it until they are over.
 *
 * @module
 */

import type { CommandConfig } from "../config/config.ts";
import type { RunSettings } from "../exec/run.ts";
import type { WarmCommand } from "../exec/warm/command.ts";
import type { CommandDoor } from "../http/door.ts";
import type { CommandStart } from "../isolate/messages.ts";
import type { Names } from "../jobs/job.ts";
import type { About, Place, Refusal } from "../jobs/line.ts";
import { type Inbox, openInbox } from "../spool/inbox.ts";
import type { LivePool } from "./live_pool.ts";

/** The parts of a version. */
export interface LiveCommandParts {
  /** Number of the version; no two versions of any commands share one. */
  readonly version: number;
  /** Its configuration. */
  readonly config: CommandConfig;
  /** How it is started. */
  readonly start: CommandStart;
  /** The pool that runs its jobs. */
  readonly pool: LivePool;
  /** Its names; undefined without a configuration file. */
  readonly names: Names | undefined;
  /** Settings of its runs. */
  readonly settings: RunSettings;
  /** What starts its processes before their jobs; undefined if it is cold. */
  readonly warm: WarmCommand | undefined;
}

/** A version and how many requests use it. A class, because each request uses it as its door. */
export class LiveCommand implements CommandDoor {
  /** What it is made of. */
  readonly parts: LiveCommandParts;
  readonly #onUnused: (command: LiveCommand) => void;
  #users = 0;

  /** `onUnused` is called each time that the last request that uses it is over. */
  constructor(parts: LiveCommandParts, onUnused: (command: LiveCommand) => void) {
    this.parts = parts;
    this.#onUnused = onUnused;
  }

  /** Its name. */
  get name(): string {
    return this.parts.config.name;
  }

  /** Its names; undefined without a configuration file. */
  get names(): Names | undefined {
    return this.parts.names;
  }

  /** Number of the version. */
  get version(): number {
    return this.parts.version;
  }

  /** What happens to a running job whose client disconnects. */
  get onDisconnect(): CommandConfig["onDisconnect"] {
    return this.parts.config.onDisconnect;
  }

  /** Maximum size of a request body in bytes. */
  get maxRequestBytes(): number {
    return this.parts.config.maxRequestBytes;
  }

  /** Maximum size of a body of `POST /run`; `Infinity` for no limit. */
  get maxRunBytes(): number {
    return this.parts.config.maxRunBytes;
  }

  /** Names in lower case of the request headers that it gets as variables. */
  get passHeaders(): readonly string[] {
    return this.parts.config.passHeaders;
  }

  /** Content type of its response file. */
  get responseType(): string {
    return this.parts.config.responseType;
  }

  /** Status of an answer in bytes if it failed. */
  get failedStatus(): number {
    return this.parts.config.failedStatus;
  }

  /** Makes a folder for the body of a request. */
  openInbox(): Promise<Inbox> {
    return openInbox(this.parts.settings.spool, this.parts.config.run.requestSuffix);
  }

  /** Whether a request uses it. */
  get inUse(): boolean {
    return this.#users > 0;
  }

  /** Called by a request that begins to use it. */
  use(): this {
    this.#users++;
    return this;
  }

  /** Called once by each request that used it, when the request is over. */
  release(): void {
    this.#users--;
    if (this.#users === 0) this.#onUnused(this);
  }

  /** Asks for a place in the queue of its pool. */
  reserve(about: About, signal?: AbortSignal): Place | Refusal | Promise<Place | Refusal> {
    return this.parts.pool.dispatch.line.reserve(about, signal);
  }

  /** Number of jobs that wait in the queue of its pool. */
  get waiting(): number {
    return this.parts.pool.dispatch.line.waiting;
  }

  /** Whole seconds after which a client that it refuses may retry. */
  retryAfterSec(): number {
    return this.parts.pool.dispatch.line.retryAfterSec();
  }
}
