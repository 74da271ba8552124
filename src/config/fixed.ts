/**
 * What a running server cannot change.
 *
 * @module
 */

import type { Config } from "./config.ts";
import type { SettingName } from "./settings.ts";

/** Whether the configuration is read again while the server runs: if there is a configuration file, or a tokens file. */
export function canReload({ named, http }: Pick<Config, "named" | "http">): boolean {
  return named || http.tokens !== undefined;
}

/** The settings that a running server keeps, as far as the new configuration has other values: their values in effect. */
export function fixedIn(now: Config, next: Config): ReadonlyMap<string, string> {
  const sockets = [now, next].filter(({ http }) => http.socket).length;
  const valuesOf = (
    { http, sandbox, spool, cluster }: Config,
  ): Partial<Record<SettingName, string>> => ({
    JOBRUNNER_HTTP_LISTEN_ADDRESS: http.address,
    // A unix socket has no port, and only that has a mode.
    ...(sockets < 2 ? { JOBRUNNER_HTTP_LISTEN_PORT: String(http.port) } : {}),
    ...(sockets > 0 ? { JOBRUNNER_SOCKET_MODE: http.socketMode.toString(8).padStart(4, "0") } : {}),
    JOBRUNNER_SANDBOX: sandbox ? "on" : "off",
    JOBRUNNER_SPOOL_DIR: spool.parent,
    ...(now.cluster && next.cluster ? cluster?.settings : {}),
  });
  const wanted = new Map(Object.entries(valuesOf(next)));
  return new Map(
    Object.entries(valuesOf(now)).filter(([name, value]) => wanted.get(name) !== value),
  );
}

/** An error if another configuration begins or ceases to use tokens. */
export function changesTokens(now: Config, next: Config): string | undefined {
  if (!now.http.tokens === !next.http.tokens) return undefined;
  return "JOBRUNNER_TOKENS_FILE: must be set as it was at start: tokens cannot be turned on or off without a restart";
}

/** An error if another configuration begins or ceases to share its queue with other machines. */
export function changesCluster(now: Config, next: Config): string | undefined {
  if (!now.cluster === !next.cluster) return undefined;
  return "JOBRUNNER_NATS_URL: must be set as it was at start: a shared queue cannot be turned on or off without a restart";
}

/** An error if another configuration turns HTTPS on or off. */
export function changesHttps(now: Config, next: Config): string | undefined {
  if (!now.http.tls === !next.http.tls) return undefined;
  return "JOBRUNNER_TLS_CERT_FILE: must be set as it was at start: HTTPS cannot be turned on or off without a restart";
}
