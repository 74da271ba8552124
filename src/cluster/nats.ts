/**
 * The connection to the NATS servers, over the NATS client library. The library makes and reads one connection; everything that
 * outlives a connection is here.
 *
 * @module
 */

import {
  type Authenticator,
  AuthorizationError,
  type ConnectionOptions,
  createInbox,
  credsAuthenticator,
  headers,
  InvalidArgumentError,
  type Msg,
  type NatsConnection,
  nkeyAuthenticator,
  PermissionViolationError,
  type PublishOptions,
  type Subscription as LibrarySubscription,
  TimeoutError,
  tokenAuthenticator,
  UserAuthenticationExpiredError,
  usernamePasswordAuthenticator,
} from "@nats-io/nats-core";
import { NatsConnectionImpl, setTransportFactory } from "@nats-io/nats-core/internal";
import { atMost } from "../async/at_most.ts";
import { version } from "../version.ts";
import { type Incoming, type Link, LinkError, type Subscription } from "./link.ts";
import { createRequests } from "./requests.ts";
import { createStreams, pullOf } from "./streams.ts";
import { ConnectionFault, createTransport, readBytes, type TransportTls } from "./transport.ts";

/** How this machine says who it is. Seeds and credentials are texts as in the files of the NATS tools. */
export type NatsCredentials =
  | { readonly kind: "none" }
  | { readonly kind: "password"; readonly user: string; readonly password: string }
  | { readonly kind: "token"; readonly token: string }
  | { readonly kind: "nkey"; readonly seed: string }
  | { readonly kind: "creds"; readonly text: string };

/** How TLS is used. All texts are PEM. */
export interface TlsSettings {
  /** Whether the TLS handshake comes first; otherwise the server first says who it is. */
  readonly first: boolean;
  /** The authorities that are trusted besides those of the runtime. */
  readonly ca?: string;
  /** The client's certificate, which needs `first`: the runtime cannot show it later. */
  readonly cert?: string;
  /** Its key. */
  readonly key?: string;
}

/** Where to connect, and how. */
export interface LinkSettings {
  /** The servers, host and port each; IPv6 addresses in brackets. */
  readonly servers: readonly string[];
  /** Undefined: TLS only if a server requires it. */
  readonly tls: TlsSettings | undefined;
  /** Who this machine is. */
  readonly credentials: NatsCredentials;
  /** Name of this machine in what the servers show. */
  readonly name: string;
}

/** Why there is no connection, or why a subject cannot be used. */
export interface LinkFailure {
  /** The server, as in `LinkSettings.servers`. */
  readonly server: string;
  /** Whether it stays until somebody changes a setting or the server. */
  readonly lasting: boolean;
  /** A sentence for the log, which names the server. */
  readonly message: string;
}

/** How long one attempt to connect may take, in milliseconds. */
const connectTimeoutMs = 3000;

/** Pause after an attempt with each server, in milliseconds; longer after a failure that lasts. */
const retryMs = 250;
const lastingRetryMs = 2000;

/** A server that does not answer for two or three of these intervals, in milliseconds, is given up. */
const pingIntervalMs = 1000;

/** How long the end waits until everything was sent, in milliseconds. */
const closeTimeoutMs = 1000;

/** How many failures are reported until there is a connection again. */
const maxReports = 20;

/** The size of messages that the server allows by default. */
const defaultMaxPayload = 1024 * 1024;

/** A subscription, which each connection makes anew. */
interface Listener {
  readonly subject: string;
  readonly receive: (message: Incoming) => void;
  current: LibrarySubscription | undefined;
}

/**
 * Connects to one of the servers, now and whenever the connection is lost, until the link is closed. `report` is called with
 * failures, once with each until there is a connection again.
 */
export function openLink(settings: LinkSettings, report: (failure: LinkFailure) => void): Link {
  setTransportFactory({ factory: () => createTransport(version) });
  const authenticator = authenticatorOf(settings.credentials);
  const stop = new AbortController();
  const stopped = new Promise<void>((resolve) =>
    stop.signal.addEventListener("abort", () => resolve())
  );
  const listeners = new Set<Listener>();
  const observers: (() => void)[] = [];
  const requests = createRequests(createInbox());
  let connection: NatsConnection | undefined;
  let maxPayload = defaultMaxPayload;
  let serverVersion: string | undefined;
  let hasJetStream = true;
  let connections = 0;
  let connectedAt = -Infinity;
  let closing: Promise<void> | undefined;
  const reported = new Set<string>();

  const tell = (server: string, error: unknown) => {
    const failure = failureOf(server, error);
    if (reported.size < maxReports && !reported.has(failure.message)) {
      reported.add(failure.message);
      report(failure);
    }
    return failure;
  };
  const changed = () => {
    for (const observer of observers) observer();
  };
  const connect = async (server: string): Promise<NatsConnection> => {
    const options: ConnectionOptions & { readonly stop: AbortSignal } = {
      servers: [server],
      name: settings.name,
      authenticator,
      timeout: connectTimeoutMs,
      reconnect: false,
      maxReconnectAttempts: -1,
      ignoreClusterUpdates: true,
      resolve: false,
      noAsyncTraces: true,
      pingInterval: pingIntervalMs,
      maxPingOut: 2,
      stop: stop.signal,
      ...(settings.tls ? { tls: tlsOf(settings.tls) } : {}),
    };
    const made = await NatsConnectionImpl.connect(options);
    const fault = faultOf(made);
    if (!fault) return made;
    await made.close();
    throw fault;
  };
  /** Uses a connection until it is lost. */
  const use = async (server: string, made: NatsConnection) => {
    connection = made;
    connections++;
    connectedAt = performance.now();
    reported.clear();
    const { info } = made;
    maxPayload = info?.max_payload ?? defaultMaxPayload;
    serverVersion = info?.version;
    hasJetStream = info?.jetstream === true;
    for (const listener of listeners) listen(made, listener);
    const watching = watch(made, (error) => {
      if (error.operation === "publish") requests.refused(error.subject);
      tell(server, error);
    });
    changed();
    const lost = await made.closed();
    await watching;
    connection = undefined;
    requests.lost();
    for (const listener of listeners) listener.current = undefined;
    if (!stop.signal.aborted) tell(server, lost ?? new Error("the connection was lost"));
    changed();
  };
  const run = async () => {
    const { servers } = settings;
    const first = Math.floor(Math.random() * servers.length);
    for (let attempt = 1; !stop.signal.aborted; attempt++) {
      const server = servers[(first + attempt) % servers.length] ?? "";
      let lasting = false;
      try {
        await use(server, await connect(server));
      } catch (error) {
        if (!stop.signal.aborted) ({ lasting } = tell(server, error));
      }
      const pauseMs = lasting ? lastingRetryMs : retryMs * (1 + Math.random() / 2);
      if (attempt % servers.length === 0) await atMost(pauseMs, stopped);
    }
  };
  const ask = async (
    subject: string,
    data: Uint8Array<ArrayBuffer>,
    { timeoutMs, id }: { readonly timeoutMs: number; readonly id?: string },
  ) => {
    const through = open();
    if (!through) throw new LinkError("unavailable", "there is no connection to NATS");
    return await requests.ask(subject, timeoutMs, (subject, reply) => {
      send(through, subject, data, { reply, ...(id === undefined ? {} : { headers: idOf(id) }) });
    });
  };
  /** The connection, unless the library has just closed it. */
  const open = () => connection?.isClosed() ? undefined : connection;
  const publish = (subject: string, data: Uint8Array<ArrayBuffer>, reply?: string) => {
    const through = open();
    if (through) send(through, subject, data, reply ? { reply } : {});
  };
  listeners.add({
    subject: requests.answers,
    receive: (message) => requests.received(message),
    current: undefined,
  });
  const running = run();
  const finish = async () => {
    if (connection) await atMost(closeTimeoutMs, flushed(connection));
    stop.abort();
    await connection?.close();
    await running;
  };

  return {
    get connected() {
      return connection !== undefined;
    },
    get connectedAt() {
      return connectedAt;
    },
    get connections() {
      return connections;
    },
    get serverVersion() {
      return serverVersion;
    },
    get maxPayload() {
      // A server can say later that it has changed.
      return connection?.info?.max_payload ?? maxPayload;
    },
    publish,
    request: (subject, data, timeoutMs) => ask(subject, data, { timeoutMs }),
    subscribe(subject, receive): Subscription {
      const listener: Listener = { subject, receive, current: undefined };
      listeners.add(listener);
      const through = open();
      if (through) listen(through, listener);
      return {
        async close() {
          const [{ current }, through] = [listener, open()];
          listeners.delete(listener);
          if (!current || !through) return;
          await Promise.race([current.drain().catch(() => {}), through.closed()]);
        },
      };
    },
    pull(stream, inbox, expiresMs) {
      const { subject, data } = pullOf(stream, expiresMs);
      publish(subject, data, inbox);
    },
    ...createStreams(ask, () => hasJetStream),
    onChange: (observer) => void observers.push(observer),
    close: () => closing ??= finish(),
  };
}

/** Throws a `LinkError` if the message cannot be sent. */
function send(
  connection: NatsConnection,
  subject: string,
  data: Uint8Array<ArrayBuffer>,
  options: PublishOptions,
): void {
  try {
    connection.publish(subject, data, options);
  } catch (error) {
    throw linkErrorOf(subject, error);
  }
}

/** Subscribes over this connection. */
function listen(connection: NatsConnection, listener: Listener): void {
  listener.current = connection.subscribe(listener.subject, {
    callback: (error, message) => {
      // `watch` reports the errors of the server.
      if (error) return;
      try {
        listener.receive(incoming(message));
      } catch (bug) {
        // Otherwise the library would stop reading.
        reportError(bug);
      }
    },
  });
}

/** Calls `fail` with what the server refuses, until the connection is closed. */
async function watch(
  connection: NatsConnection,
  fail: (error: PermissionViolationError) => void,
): Promise<void> {
  for await (const status of connection.status()) {
    if (status.type === "error" && status.error instanceof PermissionViolationError) {
      fail(status.error);
    }
  }
}

function incoming(message: Msg): Incoming {
  return {
    subject: message.subject,
    reply: message.reply ?? "",
    data: ownMemory(message.data),
    status: statusOf(message),
  };
}

/** The status of the server, 0 without one. Whoever may publish can send headers that the library cannot read. */
function statusOf(message: Msg): number {
  try {
    return message.headers?.code ?? 0;
  } catch {
    return 0;
  }
}

/**
 * The library's bytes lie in memory that other messages share, unless they are more than it gets at once: those it has put together
 * in new memory.
 */
function ownMemory(data: Uint8Array): Uint8Array<ArrayBuffer> {
  return data.length > readBytes ? data as Uint8Array<ArrayBuffer> : new Uint8Array(data);
}

/** Resolves when everything was sent, or the connection was lost. */
function flushed(connection: NatsConnection): Promise<unknown> {
  return Promise.race([connection.flush().catch(() => {}), connection.closed()]);
}

function idOf(id: string) {
  const all = headers();
  all.set("Nats-Msg-Id", id);
  return all;
}

function authenticatorOf(credentials: NatsCredentials): Authenticator {
  const encode = (text: string) => new TextEncoder().encode(text);
  switch (credentials.kind) {
    case "none":
      return () => {};
    case "password":
      return usernamePasswordAuthenticator(credentials.user, credentials.password);
    case "token":
      return tokenAuthenticator(credentials.token);
    case "nkey":
      return wellFormed("the nkey", nkeyAuthenticator(encode(credentials.seed)));
    case "creds":
      return wellFormed("the credentials file", credsAuthenticator(encode(credentials.text)));
  }
}

/** Says what is malformed: the library's errors could be about anything. */
function wellFormed(what: string, authenticator: Authenticator): Authenticator {
  return (nonce) => {
    try {
      return authenticator(nonce);
    } catch (error) {
      throw new ConnectionFault(`${what} is malformed: ${(error as Error).message}`);
    }
  };
}

function tlsOf({ first, ...pem }: TlsSettings): TransportTls {
  return { handshakeFirst: first, ...pem };
}

/** Why the server cannot be used; undefined if it can. */
function faultOf({ info }: NatsConnection): ConnectionFault | undefined {
  const [major = 0, minor = 0] = (info?.version ?? "").split(".").map(Number);
  if (major > 2 || (major === 2 && minor >= 10)) return undefined;
  // Before 2.10 a lower maximum deletes messages (nats-io/nats-server#2589).
  return new ConnectionFault(`nats-server ${info?.version}: must be 2.10 or newer`);
}

function failureOf(server: string, error: unknown): LinkFailure {
  const of = (lasting: boolean, what: string) => ({
    server,
    lasting,
    message: `NATS server ${server}: ${what}`,
  });
  if (error instanceof PermissionViolationError) {
    return of(true, `the user may not use the subject ${error.subject} (${error.operation})`);
  }
  if (error instanceof UserAuthenticationExpiredError) return of(true, "the credentials expired");
  if (error instanceof AuthorizationError) {
    return /timeout/i.test(error.message)
      ? of(false, "the login took too long")
      : of(true, "it does not accept the credentials");
  }
  if (error instanceof ConnectionFault) return of(true, error.message);
  if (error instanceof TimeoutError) return of(false, "it does not answer");
  const text = error instanceof Error ? error.message : String(error);
  return error instanceof Deno.errors.InvalidData || /fatal alert/.test(text)
    ? of(true, `TLS failed: ${text}`)
    : of(false, text);
}

function linkErrorOf(subject: string, error: unknown): LinkError {
  const cause = error instanceof Error && error.cause ? error.cause : error;
  if (cause instanceof PermissionViolationError) {
    return new LinkError("refused", `the NATS user may not publish to ${subject}`);
  }
  if (cause instanceof InvalidArgumentError) {
    return new LinkError("refused", `the message on ${subject} is larger than the server allows`);
  }
  return new LinkError("unavailable", `no answer on ${subject}: ${(cause as Error).message}`);
}
