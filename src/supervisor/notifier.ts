/**
 * Tells systemd how the service is (sd_notify(3)), where `NOTIFY_SOCKET` says that it listens.
 *
 * @module
 */

import { atMost } from "../async/at_most.ts";
import { type Log, messageOf } from "../telemetry/log.ts";

/** Notifications to the service manager; no-ops without one. */
export interface Notifier {
  /** How often a keep-alive is due, in milliseconds; undefined when none is wanted (sd_watchdog_enabled(3): more than twice in its time). */
  readonly keepAliveMs: number | undefined;
  /** The service listens. */
  ready(status: string): void;
  /** It stops, which may take so many milliseconds. */
  stopping(status: string, withinMs: number): void;
  /** It is alive. */
  alive(): void;
  /** Resolves when everything said so far was sent, or cannot be within a second. */
  flush(): Promise<void>;
}

/** How long a manager that does not listen may delay the end of the program. */
const flushMs = 1000;

/** Reads `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`. What cannot be sent is said once in the log. */
export function openNotifier(env: Readonly<Record<string, string>>, log: Log): Notifier {
  const path = env["NOTIFY_SOCKET"];
  if (!path || Deno.build.os !== "linux") {
    return {
      keepAliveMs: undefined,
      ready() {},
      stopping() {},
      alive() {},
      flush: () => Promise.resolve(),
    };
  }
  let reported = false;
  const onSendFailed = (error: unknown) => {
    if (!reported) {
      log.warn("systemd could not be notified", { "exception.message": messageOf(error) });
    }
    reported = true;
  };
  // Deno hands a name on up to its first NUL, so a socket in the abstract namespace is out of reach.
  if (!path.startsWith("/")) onSendFailed(new Error(`NOTIFY_SOCKET=${path}: must be a path`));
  const encoder = new TextEncoder();
  const sending = new Set<Promise<void>>();

  function send(...assignments: readonly string[]): void {
    if (!path?.startsWith("/")) return;
    try {
      // An empty path lets the system choose a name (unix(7), autobind).
      const socket = Deno.listenDatagram({ transport: "unixpacket", path: "" });
      const sent = socket.send(encoder.encode(assignments.join("\n")), {
        transport: "unixpacket",
        path,
      }).then(() => {}, onSendFailed).finally(() => {
        socket.close();
        sending.delete(sent);
      });
      sending.add(sent);
    } catch (error) {
      onSendFailed(error);
    }
  }

  const microseconds = Number(env["WATCHDOG_USEC"] ?? 0);
  const meant = env["WATCHDOG_PID"] === undefined || Number(env["WATCHDOG_PID"]) === Deno.pid;
  return {
    keepAliveMs: microseconds > 0 && meant ? microseconds / 3000 : undefined,
    ready: (status) => send("READY=1", `STATUS=${status}`),
    stopping(status, withinMs) {
      send("STOPPING=1", `STATUS=${status}`, `EXTEND_TIMEOUT_USEC=${Math.ceil(withinMs * 1000)}`);
    },
    alive: () => send("WATCHDOG=1"),
    flush: () => atMost(flushMs, Promise.all(sending)),
  };
}
