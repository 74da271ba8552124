/**
 * The connection to the NATS servers, as the rest of this room needs it. `nats.ts` implements it with the client library; tests
 * have one in memory.
 *
 * @module
 */

/** A message that came in. Its memory belongs to the receiver. */
export interface Incoming {
  /** The subject that it was published on. */
  readonly subject: string;
  /** Where an answer is expected; empty if nowhere. For a message of a stream: where it is acknowledged. */
  readonly reply: string;
  /** Its content. */
  readonly data: Uint8Array<ArrayBuffer>;
  /** The status that the server sends in place of a message: 404, 408, 409, 503; 0 for a message. */
  readonly status: number;
}

/** Why something that was asked for did not happen. */
export type LinkTrouble =
  /** There is no connection, or no answer came in time. Whether it happened is not known. */
  | "unavailable"
  /** Nobody listens on the subject. */
  | "no_responders"
  /** The stream holds as many messages as it may. */
  | "full"
  /** What it is about does not exist. */
  | "not_found"
  /** The server has refused it for another reason, which the error's message says. */
  | "refused";

/** The error of everything that `Link` does. */
export class LinkError extends Error {
  /** Name of this kind of error. */
  override readonly name = "LinkError";
  /** What kind of trouble it is. */
  readonly trouble: LinkTrouble;

  /** An error with a sentence for the log. */
  constructor(trouble: LinkTrouble, message: string) {
    super(message);
    this.trouble = trouble;
  }
}

/** Receives messages until it is closed. */
export interface Subscription {
  /**
   * Ends it. Messages that are on their way are still received; resolves when none can come any more, at once without a
   * connection. Does not reject.
   */
  close(): Promise<void>;
}

/** The stream of one pool and its consumer. */
export interface StreamNames {
  /** Name of the stream. */
  readonly stream: string;
  /** The subject of its messages. */
  readonly subject: string;
}

/** How a stream is to be. */
export interface StreamSettings extends StreamNames {
  /** Maximum number of messages of a stream that is made; at least 1, also if 0 is asked for. */
  readonly maxMessages: number;
  /** How long the server waits for an acknowledgement or a sign of life before it offers a message again, in milliseconds. */
  readonly ackWaitMs: number;
  /** Where the server keeps messages. */
  readonly storage: "file" | "memory";
  /** On how many servers. */
  readonly replicas: number;
}

/** The connection, as the module's docstring describes it. Everything that returns a promise rejects with a `LinkError`. */
export interface Link {
  /** Whether there is a connection now. */
  readonly connected: boolean;
  /** When the present connection was made, or the last one: a time of `performance.now()`; `-Infinity` before the first. */
  readonly connectedAt: number;
  /** How often a connection was made. */
  readonly connections: number;
  /** Version of the server; undefined before the first connection. */
  readonly serverVersion: string | undefined;
  /** Maximum size of a message in bytes, with its headers: those of `store` take about 100. */
  readonly maxPayload: number;
  /**
   * Sends a message, if there is a connection. With `reply` an answer is sent to that subject. The data must not be changed before
   * the next task. Throws a `LinkError` if it is larger than `maxPayload`.
   */
  publish(subject: string, data: Uint8Array<ArrayBuffer>, reply?: string): void;
  /** Sends a message and resolves with the answer. Rejects with `refused` if the message is larger than `maxPayload`. */
  request(
    subject: string,
    data: Uint8Array<ArrayBuffer>,
    timeoutMs: number,
  ): Promise<Uint8Array<ArrayBuffer>>;
  /** Calls `receive` with each message on the subject, which may contain wildcards. Goes on over reconnections. */
  subscribe(subject: string, receive: (message: Incoming) => void): Subscription;
  /**
   * Puts a message into the stream of the subject, and resolves with its number. A message with the same `id` as one of the last
   * two minutes is not put in again; the number is then that of the first. Rejects with `no_responders` if there is no such stream,
   * or while the servers choose its leader.
   */
  store(
    subject: string,
    data: Uint8Array<ArrayBuffer>,
    options: { readonly id: string; readonly timeoutMs: number },
  ): Promise<number>;
  /**
   * Asks the consumer of a stream for one message, within `expiresMs`. It is sent to the subject `inbox`, as is a status if none came.
   */
  pull(stream: string, inbox: string, expiresMs: number): void;
  /**
   * Makes the stream and its consumer as they are to be, or changes those that exist, but not how many messages an existing stream
   * may hold: that is what `setMaxMessages` is for. Rejects with `refused` and a sentence for the user if what exists cannot be
   * changed.
   */
  ensure(settings: StreamSettings): Promise<void>;
  /** Changes the maximum number of messages. It is at least 1, also if 0 is asked for: there is no smaller one in NATS. */
  setMaxMessages(stream: string, maxMessages: number): Promise<void>;
  /** Number of messages that the stream holds, and may hold. Rejects with `not_found` without the stream or its consumer. */
  size(stream: string): Promise<{ readonly messages: number; readonly maxMessages: number }>;
  /**
   * The same, of a stream that is to be like this. Rejects with `refused` and a sentence for the user if `ensure` would; nothing is
   * made or changed.
   */
  examine(
    settings: Pick<StreamSettings, "stream" | "storage" | "replicas">,
  ): Promise<{ readonly messages: number; readonly maxMessages: number }>;
  /** Content of the message with this number. Rejects with `not_found` if there is none. */
  read(stream: string, sequence: number): Promise<Uint8Array<ArrayBuffer>>;
  /** Removes the message with this number. Rejects with `not_found` if there is none. */
  remove(stream: string, sequence: number): Promise<void>;
  /** Calls `changed` each time that a connection was made or lost. */
  onChange(changed: () => void): void;
  /** Sends what is still to be sent, and closes the connection. Does not reject. */
  close(): Promise<void>;
}

/** What acknowledges a message of a stream (NATS documentation, "Ack types"). */
export const acknowledgements = {
  /** It was dealt with, and leaves the stream. */
  done: text("+ACK"),
  /** It is being dealt with: the time for its acknowledgement begins anew. */
  working: text("+WPI"),
  /** It leaves the stream and is not offered again. */
  drop: text("+TERM"),
} as const;

/** Gives a message back, to be offered again after so many milliseconds. */
export function giveBack(delayMs: number): Uint8Array<ArrayBuffer> {
  return text(delayMs === 0 ? "-NAK" : `-NAK ${JSON.stringify({ delay: delayMs * 1e6 })}`);
}

/** What the subject for the acknowledgement of a message says about it. */
export interface Offer {
  /** Number of the message in its stream. */
  readonly sequence: number;
  /** How often it was offered, this time included. */
  readonly attempt: number;
}

/**
 * Reads the subject on which a message of a stream is acknowledged: `$JS.ACK.` and the stream, the consumer, attempts, number of
 * the message, and more; from server 2.10 on there may be a domain and an account before the stream (ADR-15).
 */
export function offerOf(reply: string): Offer | undefined {
  const tokens = reply.split(".");
  if (tokens[0] !== "$JS" || tokens[1] !== "ACK") return undefined;
  const at = tokens.length >= 11 ? 6 : 4;
  const [attempt, sequence] = [Number(tokens[at]), Number(tokens[at + 1])];
  return attempt >= 1 && sequence >= 1 ? { attempt, sequence } : undefined;
}

function text(content: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(content);
}
