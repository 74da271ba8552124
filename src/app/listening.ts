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
 * used.
 */
export function listen(
  fetch: Fetch,
  http: HttpConfig,
  log: Log,
  uploads: Pick<Activity, "active" | "idle">,
): Server {
  try {
    return startServer(fetch, {
      address: http.address,
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
    });
  } catch (error) {
    throw listenError(error, http);
  }
}

/** A certificate that does not match its key only fails here: the address is not to blame. */
function listenError(error: unknown, { address, port, tls }: HttpConfig): StartError {
  const aboutTls = tls && error instanceof Error && /key|certificate/i.test(error.message);
  const what = aboutTls
    ? "use the TLS certificate and key"
    : `listen on ${authority(address, port)}`;
  return new StartError(`cannot ${what}: ${messageOf(error)}`);
}
