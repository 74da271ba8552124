/**
 * From the configuration to what the service isolate may do, and from nothing else.
 *
 * @module
 */

import { authority } from "../config/authority.ts";
import type { ServiceStart } from "./messages.ts";

/** Whether this runtime knows the `sys: ["ca"]` permission: 2.9.6 requires it, 2.7.11 rejects it. */
function asksForAuthorities(): boolean {
  try {
    const permissions = { sys: ["ca"] } as unknown as Deno.PermissionOptionsObject;
    new Worker("data:text/javascript,", { type: "module", deno: { permissions } }).terminate();
    return true;
  } catch {
    return false;
  }
}

/**
 * The address it listens on, the launcher (without one, the command), the spool; no variable, no other program, no other path, no other host.
 * Tracing alone adds something: the host that spans are sent to, the variables that say how and, for TLS, the
 * machine's certificate authorities.
 * Paths are compared as text, so the spool's path must be the very string that the service uses.
 */
export function permissionsOf(
  { config, launcher, spool }: Pick<ServiceStart, "config" | "launcher" | "spool">,
): Deno.PermissionOptionsObject {
  const { http, tracing, work } = config;
  return {
    net: [
      authority(http.address, http.port),
      ...(tracing ? [tracing.receiver] : []),
    ],
    run: [launcher?.path ?? work.command.program],
    read: [spool],
    write: [spool],
    env: tracing
      ? ["OTEL_*", ...(tracing.tls ? ["NODE_USE_SYSTEM_CA", "NODE_EXTRA_CA_CERTS"] : [])]
      : false,
    sys: tracing?.tls && asksForAuthorities() ? ["ca"] : false,
    ffi: false,
    import: false,
  };
}
