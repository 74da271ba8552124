/**
 * What main is given to serve, or to check.
 *
 * @module
 */

import type { ClusterSecrets, Config } from "../config/config.ts";

/** A configuration with what belongs to it. */
export interface ServedConfig {
  /** The configuration. */
  readonly config: Config;
  /** Sentences for the log. */
  readonly warnings: readonly string[];
  /** The credentials for a shared queue. */
  readonly clusterSecrets?: ClusterSecrets | undefined;
}
