/**
 * The listening socket.
 *
 * @module
 */

import { atMost } from "../async/at_most.ts";
import { authority } from "../config/authority.ts";
import type { Fetch } from "./exchange.ts";

/** A server that listens. */
export interface Server {
  /** Scheme, address and the real port, such as `http://[::1]:8080`. */
  readonly url: string;
  /**
   * Takes no new connections and lets answers be written, for a second at most: a half-sent request could keep the
   * socket forever. Idempotent.
   */
  stop(): Promise<void>;
}

/** How long answers may take to be written once the server stops. */
const shutdownMs = 1000;

/** Between two attempts to listen again. */
const listenAgainMs = 200;

/**
 * Starts to listen. Throws what the runtime throws when the address is taken or not ours, or the certificate and key
 * do not fit. When connections cannot be accepted any more (too many open files), the runtime gives the socket up:
 * `onAcceptFailed` is called, and the server listens again as soon as possible; open connections are unaffected.
 * `onAnswerFailed` is called with what the stream of an answer has failed with (not under Deno 2.7.11, which does not report it).
 */
export function startServer(
  fetch: Fetch,
  { address, port, tls, onAcceptFailed, onAnswerFailed }: {
    readonly address: string;
    readonly port: number;
    readonly tls: { readonly cert: string; readonly key: string } | undefined;
    readonly onAcceptFailed: (error: unknown) => void;
    readonly onAnswerFailed: (error: unknown) => void;
  },
): Server {
  let stopped: Promise<void> | undefined;
  let server = listen(port);

  function listen(port: number): Deno.HttpServer<Deno.NetAddr> {
    const server = Deno.serve(
      {
        hostname: address,
        port,
        onListen: () => {},
        // Without it the runtime writes the error to standard error, and waits until somebody reads that.
        onError(error) {
          onAnswerFailed(error);
          return new Response(null, { status: 500 });
        },
        ...(tls ?? {}),
      },
      (request, info) => fetch(request, info),
    );
    server.finished.catch((error) => {
      if (stopped) return;
      onAcceptFailed(error);
      return listenAgain(server.addr.port);
    });
    return server;
  }

  async function listenAgain(port: number): Promise<void> {
    while (!stopped) {
      try {
        server = listen(port);
        return;
      } catch (error) {
        // Only the address itself was granted; a port that the system chose was not.
        if (error instanceof Deno.errors.NotCapable) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, listenAgainMs));
    }
  }

  return {
    url: `${tls ? "https" : "http"}://${authority(address, server.addr.port)}`,
    // A socket that was given up cannot be shut down; there is nothing left to do for it.
    stop: () => stopped ??= atMost(shutdownMs, server.shutdown().catch(() => {})),
  };
}
