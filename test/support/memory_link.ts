/**
 * A NATS server in memory, for tests of what uses connections to one: without a network, and with the time of the test.
 *
 * It has the behaviour that programs trip over. A message that was offered counts for the limit until its acknowledgement, and that
 * has an effect only later, as its confirmation says. What is sent without a connection is lost. A pull is answered as long as
 * somebody seems to listen to its inbox.
 *
 * @module
 */

import {
  type Incoming,
  type Link,
  LinkError,
  type StreamSettings,
  type Subscription,
} from "../../src/cluster/link.ts";
import { createMemoryStream, type MemoryStream } from "./memory_stream.ts";
import { type Clock, realClock } from "./virtual_clock.ts";

/** A server, as the module's docstring describes it. Disposing of it closes all connections and ends all timers. */
export interface MemoryServer extends Disposable {
  /** Opens a connection. */
  connect(): Link;
  /**
   * Breaks a connection until it is mended. What is on its way to it, and what it waits for, is lost. `unnoticed`: the server
   * takes it for alive, so requests to it have no answer, and its pulls swallow messages. `silent`: it takes itself for alive, too,
   * and what it sends is lost.
   */
  cut(link: Link, how?: Cut): void;
  /** Lets a connection be made again. */
  mend(link: Link): void;
  /** Ends the server. Streams in memory are lost. */
  stop(): void;
  /** Starts the server again. Connections that were not cut are made again. */
  start(): void;
}

/** How a connection is cut; see `MemoryServer.cut`. */
export type Cut = "noticed" | "unnoticed" | "silent";

/** A connection as the server sees it. */
interface Client {
  readonly link: Link;
  /** Subjects, and what receives their messages. */
  readonly subscriptions: Set<{ readonly subject: string; receive(message: Incoming): void }>;
  /** How the test has cut it. */
  cut: Cut | undefined;
  /** Makes or loses the connection, as the state of the server and `cut` want it. */
  update(): void;
  /** Closes it. */
  close(): void;
}

/** Something that waits for the server. */
type Waiting = (trouble: LinkError) => void;

/** Maximum size of a message in bytes, as is NATS' default. */
const maxPayload = 1024 * 1024;

/** Makes a server without streams, which runs. */
export function createMemoryServer(clock: Clock = realClock): MemoryServer {
  const clients = new Map<Link, Client>();
  const streams = new Map<string, MemoryStream>();
  let running = true;
  let requests = 0;

  function listeners(subject: string) {
    return [...clients.values()]
      .filter(({ link, cut }) => link.connected || (running && cut === "unnoticed"))
      .flatMap((client) =>
        [...client.subscriptions]
          .filter((subscription) => matches(subscription.subject, subject))
          .map(({ receive }) => ({ client, receive }))
      );
  }

  /** Sends a message to those who listen on `to`, and returns how many there are. */
  function send(to: string, message: Incoming): number {
    const all = listeners(to);
    for (const { client, receive } of all) {
      const { link } = client;
      const { connected, connections } = link;
      const own = { ...message, data: message.data.slice() };
      queueMicrotask(() => {
        const isSame = connected && link.connected && link.connections === connections;
        if (isSame && client.cut !== "silent") receive(own);
      });
    }
    return all.length;
  }

  /** Takes what a connection publishes; returns the number of its receivers. */
  function take(subject: string, data: Uint8Array<ArrayBuffer>, reply: string): number {
    if (data.length > maxPayload) throw new LinkError("refused", "the message is too large");
    const [js, ack, name = ""] = subject.split(".");
    if (js !== "$JS" || ack !== "ACK") return send(subject, { subject, reply, data, status: 0 });
    const how = new TextDecoder().decode(data);
    queueMicrotask(() => {
      if (!running) return;
      const stream = streams.get(name);
      stream?.acknowledge(subject, how);
      if (stream && reply !== "") {
        send(reply, { subject: reply, reply: "", data: new Uint8Array(), status: 0 });
      }
    });
    return 1;
  }

  function streamOf(name: string): MemoryStream {
    const stream = streams.get(name);
    if (!stream) throw new LinkError("not_found", `stream ${name} does not exist`);
    return stream;
  }

  function ensure(settings: StreamSettings): void {
    const stream = streams.get(settings.stream);
    const maxMessages = stream?.settings.maxMessages ?? Math.max(1, settings.maxMessages);
    const wanted = { ...settings, maxMessages };
    if (settings.replicas > 1) {
      throw new LinkError("refused", "more than one replica needs more than one server");
    }
    if (!stream) {
      const server = { clock, send, listens: (subject: string) => listeners(subject).length > 0 };
      streams.set(settings.stream, createMemoryStream(wanted, server));
    } else {
      requireStorage(stream, settings.storage);
      stream.settings = wanted;
    }
  }

  function requireStorage({ settings }: MemoryStream, storage: StreamSettings["storage"]): void {
    if (settings.storage === storage) return;
    throw new LinkError("refused", `the storage of stream ${settings.stream} cannot be changed`);
  }

  function open(): Client {
    const subscriptions: Client["subscriptions"] = new Set();
    const waiting = new Set<Waiting>();
    const changes: (() => void)[] = [];
    let [connected, closed, connections, connectedAt] = [false, false, 0, -Infinity];

    /**
     * Does something at the server. If it throws, that is the answer. The answer comes later, unless the connection is lost; without
     * one the time passes, as with the client library.
     */
    function ask<T>(act: (answer: (value: T) => void) => void, timeoutMs = 5000): Promise<T> {
      if (!connected) return Promise.reject(unavailable());
      const { promise, resolve, reject } = Promise.withResolvers<T>();
      const fail: Waiting = (trouble) => end(() => reject(trouble));
      const stop = clock.after(timeoutMs, () => fail(unavailable()));
      waiting.add(fail);
      function end(settle: () => void): void {
        if (!waiting.delete(fail)) return;
        stop();
        settle();
      }
      function later(settle: () => void): void {
        queueMicrotask(() => client.cut !== "silent" && end(settle));
      }
      if (client.cut === "silent") return promise;
      try {
        act((value) => later(() => resolve(value)));
      } catch (error) {
        if (!(error instanceof LinkError)) throw error;
        later(() => reject(error));
      }
      return promise;
    }

    const get = <T>(act: () => T): Promise<T> => ask((answer) => answer(act()));

    function subscribe(subject: string, receive: (message: Incoming) => void): Subscription {
      const subscription = { subject, receive };
      subscriptions.add(subscription);
      return {
        close() {
          subscriptions.delete(subscription);
          return Promise.resolve();
        },
      };
    }

    const link: Link = {
      get connected() {
        return connected;
      },
      get connectedAt() {
        return connectedAt;
      },
      get connections() {
        return connections;
      },
      get serverVersion() {
        return connections === 0 ? undefined : "2.10.27";
      },
      maxPayload,
      publish(subject, data, reply = "") {
        if (connected && client.cut !== "silent") take(subject, data, reply);
      },
      request(subject, data, timeoutMs) {
        const inbox = `_INBOX.${++requests}`;
        let subscription: Subscription | undefined;
        const asked = ask<Uint8Array<ArrayBuffer>>((answer) => {
          subscription = subscribe(inbox, (message) => answer(message.data));
          if (take(subject, data, inbox) > 0) return;
          throw new LinkError("no_responders", `nobody listens on ${subject}`);
        }, timeoutMs);
        return asked.finally(() => subscription?.close());
      },
      subscribe,
      store: (subject, data, { id, timeoutMs }) =>
        ask((answer) => {
          const stream = [...streams.values()].find(({ settings }) => settings.subject === subject);
          if (!stream) throw new LinkError("no_responders", `no stream has the subject ${subject}`);
          const sequence = stream.store(id, data);
          if (sequence === undefined) throw new LinkError("full", "maximum messages exceeded");
          answer(sequence);
        }, timeoutMs),
      pull(name, inbox, expiresMs) {
        if (!connected || client.cut === "silent") return;
        const stream = streams.get(name);
        if (stream) stream.pull(inbox, expiresMs);
        else send(inbox, { subject: inbox, reply: "", data: new Uint8Array(), status: 503 });
      },
      ensure: (settings) => get(() => ensure(settings)),
      setMaxMessages: (name, maxMessages) =>
        get(() => {
          const stream = streamOf(name);
          stream.settings = { ...stream.settings, maxMessages: Math.max(1, maxMessages) };
        }),
      size: (name) =>
        get(() => {
          const { size, settings: { maxMessages } } = streamOf(name);
          return { messages: size, maxMessages };
        }),
      examine: ({ stream: name, storage }) =>
        get(() => {
          const stream = streamOf(name);
          requireStorage(stream, storage);
          return { messages: stream.size, maxMessages: stream.settings.maxMessages };
        }),
      read: (name, sequence) =>
        get(() => {
          const data = streamOf(name).read(sequence);
          if (!data) throw new LinkError("not_found", `message ${sequence} does not exist`);
          return data;
        }),
      remove: (name, sequence) =>
        get(() => {
          if (streamOf(name).remove(sequence)) return;
          throw new LinkError("not_found", `message ${sequence} does not exist`);
        }),
      onChange: (changed) => void changes.push(changed),
      close() {
        client.close();
        return Promise.resolve();
      },
    };

    const client: Client = {
      link,
      subscriptions,
      cut: undefined,
      update() {
        const isUp = client.cut === undefined || client.cut === "silent";
        const wanted = running && !closed && isUp;
        if (connected === wanted) return;
        connected = wanted;
        if (!connected) { for (const fail of [...waiting]) fail(unavailable()); }
        if (connected) {
          connections++;
          connectedAt = clock.now();
        }
        for (const changed of changes) changed();
      },
      close() {
        closed = true;
        clients.delete(link);
        client.update();
      },
    };
    return client;
  }

  function updateAll(): void {
    for (const client of [...clients.values()]) client.update();
  }

  return {
    connect() {
      const client = open();
      clients.set(client.link, client);
      client.update();
      return client.link;
    },
    cut(link, how = "noticed") {
      const client = clients.get(link);
      if (!client) return;
      client.cut = how;
      client.update();
    },
    mend(link) {
      const client = clients.get(link);
      if (!client) return;
      client.cut = undefined;
      client.update();
    },
    stop() {
      running = false;
      for (const client of clients.values()) client.cut &&= "noticed";
      for (const [name, stream] of streams) {
        if (stream.settings.storage === "file") stream.restart();
        else {
          stream.close();
          streams.delete(name);
        }
      }
      updateAll();
    },
    start() {
      running = true;
      updateAll();
    },
    [Symbol.dispose]() {
      for (const client of [...clients.values()]) client.close();
      for (const stream of streams.values()) stream.close();
    },
  };
}

function unavailable(): LinkError {
  return new LinkError("unavailable", "no connection, or no answer in time");
}

/** Whether a subject belongs to a pattern: `*` stands for one token, `>` for one or more at the end. */
function matches(pattern: string, subject: string): boolean {
  const tokens = subject.split(".");
  const wanted = pattern.split(".");
  return wanted.every((token, index) =>
    token === ">"
      ? tokens.length > index
      : tokens[index] === token || (token === "*" && index < tokens.length)
  ) && (wanted.at(-1) === ">" || wanted.length === tokens.length);
}
