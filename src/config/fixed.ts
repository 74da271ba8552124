/**
 * What a running server cannot change.
 *
 * @module
 */

import type { Config } from "./config.ts";
import type { SettingName } from "./settings.ts";

/** The settings that a running server keeps, as far as the new configuration has other values: their values in effect. */
export function fixedIn(now: Config, next: Config): ReadonlyMap<string, string> {
  const valuesOf = ({ http, sandbox, spool }: Config): Partial<Record<SettingName, string>> => ({
    JOBRUNNER_HTTP_LISTEN_ADDRESS: http.address,
    JOBRUNNER_HTTP_LISTEN_PORT: String(http.port),
    JOBRUNNER_SANDBOX: sandbox ? "on" : "off",
    JOBRUNNER_SPOOL_DIR: spool.parent,
  });
  const wanted = new Map(Object.entries(valuesOf(next)));
  return new Map(
    Object.entries(valuesOf(now)).filter(([name, value]) => wanted.get(name) !== value),
  );
}

/** An error if another configuration turns HTTPS on or off. */
export function changesHttps(now: Config, next: Config): string | undefined {
  if (!now.http.tls === !next.http.tls) return undefined;
  return "JOBRUNNER_TLS_CERT_FILE: must be set as it was at start: HTTPS cannot be turned on or off without a restart";
}
