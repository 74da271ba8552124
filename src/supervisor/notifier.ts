/**
 * Notifies systemd of the service's state (sd_notify(3)), if `NOTIFY_SOCKET` is set.
 *
 * @module
 */

import { atMost } from "../async/at_most.ts";
import { monotonicMicroseconds } from "../machine/monotonic.ts";
import { type Log, messageOf } from "../telemetry/log.ts";

/** Notifications to the service manager; no-ops without one. */
export interface Notifier {
  /** Interval of keep-alives in milliseconds; undefined if none are wanted (sd_watchdog_enabled(3): at most half the timeout). */
  readonly keepAliveMs: number | undefined;
  /** The service listens, or has reloaded its configuration. No effect once it stops. */
  ready(status: string): void;
  /** The service reloads its configuration. `ready` must follow, also if the reload fails. */
  reloading(): void;
  /** The service stops, which may take up to `withinMs` milliseconds. */
  stopping(status: string, withinMs: number): void;
  /** The service is alive. */
  alive(): void;
  /** Resolves when all notifications so far were sent, or after a second. */
  flush(): Promise<void>;
}

/** How long a service manager that does not read may delay the program's exit. */
const flushMs = 1000;

/**
 * Reads `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`. The first failure to send is logged. `clock` is CLOCK_MONOTONIC in
 * microseconds; if it throws, `reloading` sends no time, which only systemd's `Type=notify-reload` needs.
 */
export function openNotifier(
  env: Readonly<Record<string, string>>,
  log: Log,
  clock: () => bigint = monotonicMicroseconds,
): Notifier {
  const path = env["NOTIFY_SOCKET"];
  if (!path || Deno.build.os !== "linux") {
    return {
      keepAliveMs: undefined,
      ready() {},
      reloading() {},
      stopping() {},
      alive() {},
      flush: () => Promise.resolve(),
    };
  }
  let reported = false;
  const onSendFailed = (error: unknown) => {
    if (!reported) {
      log.write("systemd could not be notified", { "exception.message": messageOf(error) });
    }
    reported = true;
  };
  // Deno cuts a name at its first NUL, so sockets in the abstract namespace are not supported.
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
  let isStopping = false;
  return {
    keepAliveMs: microseconds > 0 && meant ? microseconds / 3000 : undefined,
    ready(status) {
      // A reload may end after the stop has begun.
      if (!isStopping) send("READY=1", `STATUS=${status}`);
    },
    reloading: () => send("RELOADING=1", ...timeOf(clock)),
    stopping(status, withinMs) {
      isStopping = true;
      send("STOPPING=1", `STATUS=${status}`, `EXTEND_TIMEOUT_USEC=${Math.ceil(withinMs * 1000)}`);
    },
    alive: () => send("WATCHDOG=1"),
    flush: () => atMost(flushMs, Promise.all(sending)),
  };
}

/** The time of a reload, if the clock can be read. */
function timeOf(clock: () => bigint): readonly string[] {
  try {
    return [`MONOTONIC_USEC=${clock()}`];
  } catch {
    return [];
  }
}
