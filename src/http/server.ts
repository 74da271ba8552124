/**
 * The listening socket.
 *
 * @module
 */

import { atMost } from "../async/at_most.ts";
import { authority } from "../config/authority.ts";
import type { Activity } from "./activity.ts";
import type { Fetch } from "./exchange.ts";
import { checkTlsPair, type TlsPair } from "./tls_pair.ts";

/** A listening server. */
export interface Server {
  /** Scheme, address and the real port, such as `http://[::1]:8080`; `unix:` and the path of a unix socket. */
  readonly url: string;
  /**
   * Replaces the certificate and key: connections that come after the promise has resolved get the new ones. Throws, and changes
   * nothing, if TLS is off, if the pair is not one, or if the socket could not be opened again (only the configured port was
   * granted, not one that the system chose). If it is called again meanwhile, the latest pair wins.
   *
   * The runtime can only close the socket and open it again. Requests that have arrived are answered. Deno 2.9 would break
   * the uploads in progress (docs/upstream.md), so the server first waits, without a limit, for a moment without any.
   * Connections without a request are closed: idle ones, and those that are just being made. For about 4 ms new ones are
   * refused. With 8 clients that connected as fast as they could (1 200 to 1 700 a second), each of 50 replacements closed 3 to 6
   * connections and refused 2 to 3 (2 cores; Deno 2.7.11 and 2.9.6).
   *
   * If the socket cannot be opened with the new pair, `onAcceptFailed` is called, the promise rejects, and the server
   * listens again with the previous pair as soon as possible.
   */
  setTls(tls: TlsPair): Promise<void>;
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

/** How long the runtime may take to close the socket before the previous certificate is used again. */
const closeMs = 1000;

/**
 * Starts to listen. Throws the runtime's error if the address is in use or not of this machine, or if the certificate and
 * key do not match. If connections can no longer be accepted (too many open files), the runtime closes the socket:
 * `onAcceptFailed` is called, and the server listens again as soon as possible; open connections are unaffected.
 * `onAnswerFailed` is called with the error of an answer's stream (not under Deno 2.7.11, which does not report it).
 * `uploads` counts the bodies that are being read.
 *
 * A unix socket is opened at `socket.opened`, where nothing may exist. Each time that it was opened again, `onReopened` is
 * called.
 */
export function startServer(
  fetch: Fetch,
  { address, socket, port, tls, uploads, onAcceptFailed, onAnswerFailed, onReopened = () => {} }: {
    readonly address: string;
    readonly socket?: { readonly opened: string } | undefined;
    readonly port: number;
    readonly tls: TlsPair | undefined;
    readonly uploads: Pick<Activity, "active" | "idle">;
    readonly onAcceptFailed: (error: unknown) => void;
    readonly onAnswerFailed: (error: unknown) => void;
    readonly onReopened?: () => void;
  },
): Server {
  let stopped: Promise<void> | undefined;
  let pair = tls;
  /** Accepts connections; undefined while none does. */
  let current: Deno.HttpServer | undefined = listen(port, tls);
  const bound = "port" in current.addr ? current.addr.port : port;
  /** Servers without a socket that still serve their connections. */
  const ending = new Set<Promise<void>>();
  let wanted = tls;
  let swapping: Promise<void> | undefined;

  function listen(port: number, tls: TlsPair | undefined): Deno.HttpServer {
    const options = {
      onListen: () => {},
      // Without this handler the runtime writes the error to standard error, and blocks until it is read.
      onError(error: unknown) {
        onAnswerFailed(error);
        return new Response(null, { status: 500 });
      },
    };
    const server = socket
      ? Deno.serve({ path: socket.opened, ...options }, (request, info) => fetch(request, info))
      : Deno.serve(
        { hostname: address, port, ...options, ...(tls ?? {}) },
        (request, info) => fetch(request, info),
      );
    server.finished.catch((error) => {
      if (stopped || server !== current) return;
      current = undefined;
      onAcceptFailed(error);
      return listenAgain();
    });
    return server;
  }

  async function listenAgain(): Promise<void> {
    while (!stopped && !current) {
      try {
        current = listen(bound, pair);
        onReopened();
        return;
      } catch (error) {
        // Only the configured address was granted, not a port that the system chose.
        if (error instanceof Deno.errors.NotCapable) throw error;
      }
      await pause(listenAgainMs);
    }
  }

  /** Accepts no more connections, and serves the open ones. */
  function end(server: Deno.HttpServer | undefined): void {
    if (!server) return;
    // A socket that the runtime has closed cannot be shut down, and does not need to be.
    const ended = server.shutdown().catch(() => {}).finally(() => ending.delete(ended));
    ending.add(ended);
  }

  /** Listens with another pair; false while the port is in use. */
  function listenWith(next: TlsPair): boolean {
    try {
      const previous = current;
      current = listen(bound, next);
      pair = next;
      end(previous);
      return true;
    } catch (error) {
      if (error instanceof Deno.errors.AddrInUse) return false;
      throw error;
    }
  }

  async function swap(): Promise<void> {
    while (!stopped && wanted && pair !== wanted) {
      do {
        await uploads.idle();
        // Requests that have just arrived begin to read their bodies before this.
        await pause(0);
      } while (uploads.active > 0);
      if (stopped) return;
      const previous = current;
      current = undefined;
      end(previous);
      const giveUpAt = performance.now() + closeMs;
      try {
        while (!stopped && !listenWith(wanted)) {
          if (performance.now() > giveUpAt) throw new Error(`${bound}: the port is in use`);
          await pause(0);
        }
      } catch (error) {
        wanted = pair;
        onAcceptFailed(error);
        // Not awaited: the port may be in use for long.
        listenAgain();
        throw error;
      }
    }
  }

  return {
    url: socket ? address : `${tls ? "https" : "http"}://${authority(address, bound)}`,
    setTls(next) {
      if (!tls) throw new Error("TLS is off: there is no certificate to replace");
      checkTlsPair(next);
      // The port is still in use: this only shows whether the runtime takes the two, and whether the port is granted.
      if (stopped || (current && listenWith(next))) return Promise.resolve();
      wanted = next;
      return swapping ??= swap().finally(() => swapping = undefined);
    },
    stop() {
      if (!stopped) {
        end(current);
        stopped = atMost(shutdownMs, Promise.all(ending));
      }
      return stopped;
    },
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
