/**
 * The permissions of the service isolate, computed from the configuration alone.
 *
 * @module
 */

import { authority } from "../config/authority.ts";
import type { HttpConfig } from "../config/config.ts";
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
 * Whether this runtime knows permissions for unix sockets of servers: 2.9.6 requires one, 2.7.11 rejects it, and requires only
 * those for the path.
 */
function asksForSockets(): boolean {
  try {
    const permissions = { net: ["unix:/"] };
    new Worker("data:text/javascript,", { type: "module", deno: { permissions } }).terminate();
    return true;
  } catch {
    return false;
  }
}

/**
 * Grants the listen address, the launchers (without them, the commands' programs) and the spool: no variable, no other program,
 * no other path, no other host. For a unix socket that is the path where it is opened. A shared queue adds the NATS servers and
 * nothing else. Tracing adds the host that spans are sent to, the variables that configure the exporter and, for TLS, the
 * machine's certificate authorities. Paths and hosts are compared as text, so the service must use exactly the strings of the
 * configuration.
 */
export function permissionsOf(
  { config, programs, spool }: Pick<ServiceStart, "config" | "programs" | "spool">,
): Deno.PermissionOptionsObject {
  const { http, tracing, cluster } = config;
  const files = [spool, ...(http.socket ? [http.socket.opened] : [])];
  return {
    net: [
      ...listening(http),
      ...(tracing ? [tracing.receiver] : []),
      ...(cluster?.servers ?? []),
    ],
    run: [...programs],
    read: files,
    write: files,
    env: tracing
      ? ["OTEL_*", ...(tracing.tls ? ["NODE_USE_SYSTEM_CA", "NODE_EXTRA_CA_CERTS"] : [])]
      : false,
    sys: tracing?.tls && asksForAuthorities() ? ["ca"] : false,
    ffi: false,
    import: false,
  };
}

function listening({ socket, address, port }: HttpConfig): string[] {
  if (!socket) return [authority(address, port)];
  return asksForSockets() ? [`unix:${socket.opened}`] : [];
}
