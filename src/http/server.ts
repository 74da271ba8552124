/**
 * The listening socket.
 *
 * @module
 */

import { atMost } from "../async/at_most.ts";
import { authority } from "../config/authority.ts";
import type { Fetch } from "./exchange.ts";

/** A listening server. */
export interface Server {
  /** Scheme, address and the real port, such as `http://[::1]:8080`. */
  readonly url: string;
  /**
   * Accepts no new connections, and waits at most a second for answers to be written: a client that sent half a request
   * could hold the socket forever. Idempotent.
   */
  stop(): Promise<void>;
}

/** How long answers may take to be written once the server stops. */
const shutdownMs = 1000;

/** Pause between two attempts to listen again. */
const listenAgainMs = 200;

/**
 * Starts to listen. Throws the runtime's error if the address is in use or not of this machine, or if the certificate and
 * key do not match. If connections can no longer be accepted (too many open files), the runtime closes the socket:
 * `onAcceptFailed` is called, and the server listens again as soon as possible; open connections are unaffected.
 * `onAnswerFailed` is called with the error of an answer's stream (not under Deno 2.7.11, which does not report it).
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
        // Without this handler the runtime writes the error to standard error, and blocks until it is read.
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
        // Only the configured address was granted, not a port that the system chose.
        if (error instanceof Deno.errors.NotCapable) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, listenAgainMs));
    }
  }

  return {
    url: `${tls ? "https" : "http"}://${authority(address, server.addr.port)}`,
    // A socket that the runtime has closed cannot be shut down, and does not need to be.
    stop: () => stopped ??= atMost(shutdownMs, server.shutdown().catch(() => {})),
  };
}
