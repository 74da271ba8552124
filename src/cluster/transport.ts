/**
 * The TCP or TLS connection below the NATS client library: what it calls a transport. It has the runtime's own sockets instead of
 * those that imitate Node.js: no uncaught errors, a connection that can be given up at any moment, and less memory.
 *
 * @module
 */

import { freeMemory } from "../async/bytes.ts";

/** The server to connect to. */
export interface Endpoint {
  /** Name or address, the latter without brackets. */
  readonly hostname: string;
  /** Port. */
  readonly port: number;
}

/** How TLS is used, in the library's words. All texts are PEM. */
export interface TransportTls {
  /** Whether the handshake comes before anything else; otherwise the server first says who it is. */
  readonly handshakeFirst?: boolean;
  /** The authorities that are trusted besides those of the runtime. */
  readonly ca?: string;
  /** The client's certificate, which can only be shown with `handshakeFirst`. */
  readonly cert?: string;
  /** Its key. */
  readonly key?: string;
}

/** What the library hands over from its options. */
export interface TransportOptions {
  /** Without it TLS is used only if the server requires it. */
  readonly tls?: TransportTls | null;
  /** Ends the connection, also one that is being made. */
  readonly stop?: AbortSignal;
}

/** The form that the library demands. */
export interface Transport extends AsyncIterable<Uint8Array<ArrayBuffer>> {
  /** Whether it was closed. */
  readonly isClosed: boolean;
  /** Name of the client, for the server. */
  readonly lang: string;
  /** Its version. */
  readonly version: string;
  /** Why it was closed. */
  readonly closeError?: Error;
  /** Makes the connection. Rejects with a `ConnectionFault`, or with an error of the runtime. */
  connect(server: Endpoint, options: TransportOptions): Promise<void>;
  /** What was received. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array<ArrayBuffer>>;
  /** Whether it uses TLS. */
  isEncrypted(): boolean;
  /** Sends bytes after all those before. */
  send(frame: Uint8Array<ArrayBuffer>): void;
  /** Closes it. */
  close(error?: Error): Promise<void>;
  /** Closes it, since the server does not answer. */
  disconnect(): void;
  /** Closes it, since the library does not need it. */
  discard(): void;
  /** Resolves when it was closed. */
  closed(): Promise<void>;
}

/** A connection that cannot be made until somebody changes something. */
export class ConnectionFault extends Error {
  /** Name of this kind of error. */
  override readonly name = "ConnectionFault";
}

/** What of the server's first message matters here. */
interface ServerInfo {
  readonly tls_required?: boolean;
  readonly tls_available?: boolean;
}

const certificateNeedsFirst = "a client certificate can only be shown if TLS comes first: " +
  "set JOBRUNNER_NATS_TLS_FIRST=on, and handshake_first on the server";

/** Maximum number of bytes that the library gets at once. */
export const readBytes: number = 256 * 1024;

const maxInfoBytes = 64 * 1024;

/** Makes a transport, which connects once. */
export function createTransport(version: string): Transport {
  const over = Promise.withResolvers<never>();
  over.promise.catch(() => {});
  let socket: Deno.TcpConn | Deno.TlsConn | undefined;
  let encrypted = false;
  let greeting = new Uint8Array();
  let closeError: Error | undefined;
  let frames: Uint8Array<ArrayBuffer>[] = [];
  let sending = false;

  const end = (error: Error) => {
    if (closeError) return;
    closeError = error;
    frames = [];
    try {
      socket?.close();
    } catch {
      // TLS has just taken it over; adopt() closes that.
    }
    over.reject(error);
  };
  /** Makes a socket the present one; closes it instead if the transport was closed meanwhile. */
  const adopt = <Socket extends Deno.TcpConn | Deno.TlsConn>(opened: Socket) => {
    if (closeError) {
      opened.close();
      throw closeError;
    }
    socket = opened;
    return opened;
  };
  /** Goes over to TLS on the present socket, or in front of everything else. */
  const secure = async (secured: Promise<Deno.TlsConn>) => {
    await adopt(await secured).handshake();
    encrypted = true;
  };
  const connect = async ({ hostname, port }: Endpoint, tls: TransportTls | null | undefined) => {
    const trusted = { hostname, ...(tls?.ca === undefined ? {} : { caCerts: [tls.ca] }) };
    if (tls?.cert !== undefined && tls.key !== undefined) {
      if (!tls.handshakeFirst) throw new ConnectionFault(certificateNeedsFirst);
      const { cert, key } = tls;
      await secure(Deno.connectTls({ port, ...trusted, cert, key }));
      greeting = await readGreeting(socket);
      return;
    }
    const plain = adopt(await Deno.connect({ hostname, port }));
    plain.setNoDelay(true);
    if (tls?.handshakeFirst) await secure(Deno.startTls(plain, trusted));
    greeting = await readGreeting(socket);
    if (encrypted || !(tls || infoIn(greeting).tls_required)) return;
    if (!offersTls(infoIn(greeting))) throw new ConnectionFault("it does not offer TLS");
    // Whoever is between could have put that there, for the library to read as if it had come through TLS.
    if (greeting.indexOf(lineFeed) < greeting.length - 1) {
      throw new ConnectionFault("it says more before TLS begins than who it is");
    }
    await secure(Deno.startTls(plain, trusted));
  };
  const sendAll = async () => {
    if (sending || !socket) return;
    sending = true;
    try {
      while (frames.length > 0) {
        const bytes = joined(frames);
        frames = [];
        for (let at = 0; at < bytes.length;) at += await socket.write(bytes.subarray(at));
        // A large one is a copy: the library has put it together from several pieces.
        freeMemory(bytes);
      }
    } catch (error) {
      end(error as Error);
    } finally {
      sending = false;
    }
  };
  async function* receive() {
    try {
      yield greeting;
      const buffer = new Uint8Array(readBytes);
      while (socket) {
        const length = await socket.read(buffer);
        if (length === null) return end(new Error("it closed the connection"));
        // The library has read it when it asks for more; what it keeps for later it copies.
        yield buffer.subarray(0, length);
      }
    } catch (error) {
      end(error as Error);
    } finally {
      end(new Error("the library stopped reading"));
    }
  }

  return {
    lang: "jobrunner",
    version,
    get isClosed() {
      return closeError !== undefined;
    },
    get closeError() {
      return closeError as Error;
    },
    connect: async (server, { tls, stop }) => {
      const stopped = () => end(new Error("it is not needed any more"));
      stop?.addEventListener("abort", stopped);
      over.promise.catch(() => stop?.removeEventListener("abort", stopped));
      try {
        await Promise.race([connect(server, tls), over.promise]);
      } catch (error) {
        end(error as Error);
        throw error;
      }
    },
    [Symbol.asyncIterator]: receive,
    isEncrypted: () => encrypted,
    send: (frame) => {
      if (closeError) return;
      frames.push(frame);
      sendAll();
    },
    close: (error) => Promise.resolve(end(error ?? new Error("closed"))),
    disconnect: () => end(new Error("it does not answer")),
    discard: () => end(new Error("closed")),
    closed: () => over.promise.catch(() => {}),
  };
}

/** Reads the first line that a NATS server sends, and what may follow it. */
async function readGreeting(socket: Deno.Conn | undefined): Promise<Uint8Array<ArrayBuffer>> {
  const buffer = new Uint8Array(maxInfoBytes);
  let length = 0;
  while (!buffer.subarray(0, length).includes(lineFeed)) {
    const more = length < maxInfoBytes ? await socket?.read(buffer.subarray(length)) : undefined;
    if (more === null) throw new Error("it closed the connection before it said anything");
    if (more === undefined) throw new ConnectionFault("it does not speak NATS");
    length += more;
    if (length >= 5 && text(buffer.subarray(0, 5)) !== "INFO ") {
      throw new ConnectionFault("it does not speak NATS");
    }
  }
  return buffer.slice(0, length);
}

const lineFeed = 10;

function infoIn(greeting: Uint8Array): ServerInfo {
  try {
    return JSON.parse(text(greeting.subarray(5, greeting.indexOf(lineFeed))));
  } catch {
    throw new ConnectionFault("it does not speak NATS");
  }
}

function offersTls({ tls_required, tls_available }: ServerInfo): boolean {
  return tls_required === true || tls_available === true;
}

function joined(frames: readonly Uint8Array<ArrayBuffer>[]): Uint8Array<ArrayBuffer> {
  const [first] = frames;
  if (first && frames.length === 1) return first;
  const all = new Uint8Array(frames.reduce((length, frame) => length + frame.length, 0));
  let at = 0;
  for (const frame of frames) {
    all.set(frame, at);
    at += frame.length;
  }
  return all;
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
