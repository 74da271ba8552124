/**
 * Starts the configured HTTP server and logs its errors.
 *
 * @module
 */

import { authority } from "../config/authority.ts";
import type { HttpConfig } from "../config/config.ts";
import type { Activity } from "../http/activity.ts";
import { givenUpError } from "../http/answer/delivery.ts";
import type { Fetch } from "../http/exchange.ts";
import { type Server, startServer } from "../http/server.ts";
import { StartError } from "../isolate/start_error.ts";
import { type Log, messageOf, stackOf } from "../telemetry/log.ts";

/**
 * Listens; `uploads` counts the bodies that are being read. Throws a `StartError` if the address or a certificate cannot be
 * used. After a unix socket had to be opened again, `publish` is called.
 */
export function listen(
  fetch: Fetch,
  http: HttpConfig,
  log: Log,
  uploads: Pick<Activity, "active" | "idle">,
  publish: Publish = () => Promise.resolve(undefined),
): Server {
  try {
    return startServer(fetch, {
      address: http.address,
      socket: http.socket,
      port: http.port,
      tls: http.tls,
      uploads,
      onAcceptFailed: (error) =>
        log.write("connections could not be accepted; listening again as soon as possible", {
          "exception.message": messageOf(error),
        }),
      onAnswerFailed(error) {
        if (error === givenUpError) return;
        log.write("a response could not be completed", {
          "exception.stacktrace": stackOf(error),
        });
      },
      onReopened: () =>
        publishSocket(http, publish).catch((error) =>
          log.write("the unix socket cannot be reached", { "exception.message": messageOf(error) })
        ),
    });
  } catch (error) {
    throw listenError(error, http);
  }
}

/** Makes main give the unix socket, which was just opened, its mode and its path; resolves with the reason for a failure. */
export type Publish = () => Promise<string | undefined>;

/** Makes a unix socket reachable. Without one nothing happens. Rejects with a `StartError`. */
export async function publishSocket(
  { socket, address }: HttpConfig,
  publish: Publish,
): Promise<void> {
  const reason = socket && await publish();
  if (reason !== undefined) throw new StartError(`cannot listen on ${address}: ${reason}`);
}

/** A certificate that does not match its key only fails here: the address is not to blame. */
function listenError(error: unknown, { address, socket, port, tls }: HttpConfig): StartError {
  const aboutTls = tls && error instanceof Error && /key|certificate/i.test(error.message);
  const what = aboutTls
    ? "use the TLS certificate and key"
    : `listen on ${socket ? address : authority(address, port)}`;
  return new StartError(`cannot ${what}: ${messageOf(error)}`);
}
