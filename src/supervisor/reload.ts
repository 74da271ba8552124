/**
 * Reads the configuration again while the server runs: it is checked as a whole, and then applied as a whole. With any error,
 * everything stays as it is.
 *
 * @module
 */

import type { Config, StoppingConfig } from "../config/config.ts";
import { changesCluster, changesHttps, changesTokens, fixedIn } from "../config/fixed.ts";
import { messageOf, type OpenLog, stackOf } from "../telemetry/log.ts";
import type { ReadConfig } from "./config_reader.ts";
import type { ConfigWatch } from "./config_watch.ts";
import type { Folders, Renewal } from "./folders.ts";
import type { Notifier } from "./notifier.ts";
import type { Service } from "./serving.ts";
import { stoppingOf } from "./stopping.ts";

/** The parts of the server that a reload works with. */
export interface ReloadParts {
  /** Reads the configuration. */
  readonly read: ReadConfig;
  /** Makes launchers. */
  readonly folders: Pick<Folders, "renew">;
  /** Gives the service the new settings. */
  readonly replace: Service["replace"];
  /** Watches the files for changes. */
  readonly watch: Pick<ConfigWatch, "watch">;
  /** Notifies systemd. */
  readonly notifier: Pick<Notifier, "ready" | "reloading">;
  /** Where the outcome is logged. */
  readonly log: OpenLog;
}

/** A configuration that can be read again. */
export interface Reloading {
  /** The configuration in effect. */
  readonly config: Config;
  /** The time limits of a stop, with the longest grace period that any command has had. */
  readonly stopping: StoppingConfig;
  /** Whether the last attempt was successful; true before the first. */
  readonly successful: boolean;
  /** Reads and applies the configuration. Calls during an attempt cause one more attempt after it. `cause` is for the log. */
  reload(cause: string): Promise<void>;
}

/** How many errors of one attempt are logged: with too many lines at once the log would lose some. */
const maxLoggedErrors = 100;

/** Makes a configuration that can be read again; `first` is in effect. */
export function createReloading(
  first: Config,
  { read, folders, replace, watch, notifier, log }: ReloadParts,
): Reloading {
  let config = first;
  let stopping = stoppingOf(first);
  let successful = true;
  let running: Promise<void> | undefined;
  let next: string | undefined;

  /** Applies the configuration as it is now; returns the errors, which mean that nothing was changed. */
  async function apply(): Promise<readonly string[]> {
    const asGiven = await read();
    // Also with errors: what it names may be corrected, or come into being, later than the file itself.
    watch.watch(asGiven.files, config.configWatchMs);
    if (!asGiven.ok) return asGiven.errors;
    const fixed = fixedIn(config, asGiven.config);
    for (const setting of fixed.keys()) {
      log.write("a changed setting needs a restart", { setting });
    }
    const result = fixed.size === 0 ? asGiven : await read(fixed);
    if (!result.ok) return result.errors;
    const impossible = changesHttps(config, result.config) ??
      changesTokens(config, result.config) ?? changesCluster(config, result.config);
    if (impossible) return [impossible];
    // The same settings, but its certificates are read at start only.
    const wanted = { ...result.config, cluster: config.cluster };
    let renewal: Renewal;
    try {
      renewal = folders.renew(wanted);
    } catch (error) {
      return [messageOf(error)];
    }
    const { config: given, starts, spoolBytes, undo } = renewal;
    const replaced = await replace({ config: given, starts, spoolBytes });
    if (!replaced.ok) {
      undo();
      return [replaced.reason];
    }
    config = wanted;
    const { killGraceMs, ...limits } = stoppingOf(config);
    stopping = { ...limits, killGraceMs: Math.max(killGraceMs, stopping.killGraceMs) };
    watch.watch(result.files, config.configWatchMs);
    log.configure(config.log);
    for (const warning of result.warnings) log.write("configuration warning", { warning });
    return [];
  }

  async function attempt(cause: string): Promise<void> {
    notifier.reloading();
    // A bug in here must not end the server.
    const errors = await apply().catch((bug) => [stackOf(bug)]);
    successful = errors.length === 0;
    for (const error of errors.slice(0, maxLoggedErrors)) {
      log.write("configuration error", { error });
    }
    const rest = errors.length - maxLoggedErrors;
    if (rest > 0) log.write("configuration error", { error: `${rest} more errors` });
    if (successful) {
      log.write("configuration reloaded", { cause, commands: config.commands.length });
    } else log.write("configuration not reloaded: the one before stays in effect", { cause });
    notifier.ready(
      successful ? "configuration reloaded" : "the configuration has errors: see the log",
    );
  }

  async function attemptAll(): Promise<void> {
    for (let cause = next; cause !== undefined; cause = next) {
      next = undefined;
      await attempt(cause);
    }
    running = undefined;
  }

  return {
    get config() {
      return config;
    },
    get stopping() {
      return stopping;
    },
    get successful() {
      return successful;
    },
    reload(cause) {
      next = cause;
      return running ??= attemptAll();
    },
  };
}
