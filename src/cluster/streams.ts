/**
 * What is asked of JetStream: requests whose questions and answers are JSON (NATS documentation, "JetStream wire API").
 *
 * @module
 */

import { type Link, LinkError, type LinkTrouble, type StreamSettings } from "./link.ts";
import { consumerName } from "./names.ts";

/** Sends a request, as `Link.request` does. With `id` the message gets that id for the recognition of duplicates. */
export type SendRequest = (
  subject: string,
  data: Uint8Array<ArrayBuffer>,
  options: { readonly timeoutMs: number; readonly id?: string },
) => Promise<Uint8Array<ArrayBuffer>>;

/** See `createStreams`. */
export type StreamLink = Pick<
  Link,
  "store" | "ensure" | "setMaxMessages" | "size" | "examine" | "read" | "remove"
>;

/** How a question of the API fails. */
interface ApiError {
  readonly code: number;
  readonly err_code?: number;
  readonly description: string;
}

/** What of a stream's configuration matters here. The server has more members, which an update must repeat. */
interface StreamConfig {
  readonly retention: string;
  readonly storage: string;
  readonly num_replicas: number;
  readonly max_msgs: number;
}

interface StreamInfo {
  readonly config: StreamConfig;
  readonly state: { readonly messages: number; readonly consumer_count: number };
}

/** Longer than a server takes for an answer, an election of a leader included. */
const apiTimeoutMs = 5000;

/** How long the server recognises a message that is stored again, in milliseconds. */
const duplicateWindowMs = 120_000;

/** More than all workers of a group: the defaults of the server are not (1000 and 512). */
const maxOffered = 1_000_000;
const maxPulls = 65_536;

/** A message leaves the stream when it was acknowledged. */
const retention = "workqueue";

const noData = new Uint8Array();

/** The part of a `Link` that is about streams. `hasJetStream` says whether the server claims to have JetStream. */
export function createStreams(ask: SendRequest, hasJetStream: () => boolean): StreamLink {
  const api = async <Answer>(verb: string, question?: unknown): Promise<Answer> => {
    const data = question === undefined ? noData : encode(question);
    const answer = await ask(`$JS.API.${verb}`, data, { timeoutMs: apiTimeoutMs })
      .catch((error: LinkError) => {
        if (error.trouble !== "no_responders") throw error;
        // During an election of a leader nobody answers either.
        throw hasJetStream()
          ? new LinkError("unavailable", "JetStream does not answer")
          : new LinkError("refused", "the NATS server must have JetStream enabled, and has not");
      });
    return read<Answer>(answer);
  };
  const infoOf = (stream: string) => api<StreamInfo>(`STREAM.INFO.${stream}`);
  const update = (stream: string, config: object) => api(`STREAM.UPDATE.${stream}`, config);

  /** The stream as it is, or as it was just made, by whichever machine. */
  const found = async (settings: StreamSettings): Promise<StreamInfo> => {
    const { stream } = settings;
    try {
      return await infoOf(stream);
    } catch (error) {
      if (!isTrouble(error, "not_found")) throw error;
    }
    try {
      return await api<StreamInfo>(`STREAM.CREATE.${stream}`, streamConfig(settings));
    } catch (error) {
      // Another machine may have made it meanwhile, with another maximum.
      return await infoOf(stream).catch(() => Promise.reject(error));
    }
  };

  return {
    async store(subject, data, options) {
      return read<{ readonly seq: number }>(await ask(subject, data, options)).seq;
    },
    async ensure(settings) {
      const { stream } = settings;
      const { config } = await found(settings);
      const wanted = streamConfig(settings);
      requireSame(stream, config, wanted);
      const whole = { ...config, ...wanted, max_msgs: config.max_msgs };
      if (!contains(config, whole)) await update(stream, whole);
      await api(`CONSUMER.CREATE.${stream}.${consumerName}`, {
        stream_name: stream,
        config: consumerConfig(settings),
      });
    },
    async setMaxMessages(stream, maxMessages) {
      const { config } = await infoOf(stream);
      const max_msgs = maximum(maxMessages);
      if (config.max_msgs !== max_msgs) await update(stream, { ...config, max_msgs });
    },
    async size(stream) {
      const info = await infoOf(stream);
      if (info.state.consumer_count > 0) return sizeIn(info);
      throw new LinkError("not_found", `the consumer of stream ${stream} does not exist`);
    },
    async examine({ stream, storage, replicas }) {
      const info = await infoOf(stream);
      requireSame(stream, info.config, { retention, storage, num_replicas: replicas });
      return sizeIn(info);
    },
    async read(stream, sequence) {
      const { message } = await api<{ readonly message: { readonly data?: string } }>(
        `STREAM.MSG.GET.${stream}`,
        { seq: sequence },
      );
      return Uint8Array.fromBase64(message.data ?? "");
    },
    async remove(stream, sequence) {
      await api(`STREAM.MSG.DELETE.${stream}`, { seq: sequence, no_erase: true });
    },
  };
}

function sizeIn({ config, state }: StreamInfo) {
  return { messages: state.messages, maxMessages: config.max_msgs };
}

/** The question of one pull: subject and content. */
export function pullOf(
  stream: string,
  expiresMs: number,
): { readonly subject: string; readonly data: Uint8Array<ArrayBuffer> } {
  return {
    subject: `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumerName}`,
    data: encode({ batch: 1, expires: nanoseconds(expiresMs) }),
  };
}

function streamConfig({ stream, subject, maxMessages, storage, replicas }: StreamSettings) {
  return {
    name: stream,
    subjects: [subject],
    retention,
    discard: "new",
    max_msgs: maximum(maxMessages),
    storage,
    num_replicas: replicas,
    duplicate_window: nanoseconds(duplicateWindowMs),
    max_bytes: -1,
    max_age: 0,
    max_msgs_per_subject: -1,
  };
}

function consumerConfig({ ackWaitMs }: StreamSettings) {
  return {
    durable_name: consumerName,
    name: consumerName,
    deliver_policy: "all",
    replay_policy: "instant",
    ack_policy: "explicit",
    ack_wait: nanoseconds(ackWaitMs),
    max_deliver: -1,
    max_ack_pending: maxOffered,
    max_waiting: maxPulls,
  };
}

/** To the server 0 is no maximum at all. */
function maximum(maxMessages: number): number {
  return Math.max(1, maxMessages);
}

/** Refuses a stream that is not ours, or cannot become what the settings say. */
function requireSame(
  stream: string,
  found: StreamConfig,
  wanted: Omit<StreamConfig, "max_msgs">,
): void {
  const names = { retention: "retention", storage: "storage", num_replicas: "replicas" } as const;
  for (const [key, name] of Object.entries(names)) {
    const [is, must] = [found[key as keyof typeof names], wanted[key as keyof typeof names]];
    if (is === must) continue;
    throw new LinkError(
      "refused",
      `NATS stream ${stream}: its ${name} is ${is}, not ${must} as on this machine: ` +
        "use the same setting on all machines, or delete the stream while none of them runs",
    );
  }
}

/** Whether the stream has all these members already. */
function contains(config: object, members: object): boolean {
  const has = new Map(Object.entries(config));
  return Object.entries(members).every(([key, value]) =>
    JSON.stringify(has.get(key)) === JSON.stringify(value)
  );
}

/** What the codes of the API mean (NATS server, `server/errors.json`). */
const troubles = new Map<number, LinkTrouble>([
  [10008, "unavailable"], // JetStream system temporarily unavailable
  [10009, "unavailable"], // not the leader
  [10014, "not_found"], // consumer
  [10037, "not_found"], // message
  [10043, "not_found"], // sequence
  [10059, "not_found"], // stream
]);

function errorOf({ err_code = 0, description }: ApiError): LinkError {
  return new LinkError(troubleOf(err_code, description), `JetStream: ${description}`);
}

function troubleOf(code: number, description: string): LinkTrouble {
  // These codes are those of everything that can go wrong with the store.
  if (code === 10077 && description === "maximum messages exceeded") return "full";
  if (code === 10057 && /not found/.test(description)) return "not_found";
  return troubles.get(code) ?? "refused";
}

function read<Answer>(data: Uint8Array): Answer {
  let answer;
  try {
    answer = JSON.parse(new TextDecoder().decode(data));
  } catch {
    // Treated as the other values that are no object.
  }
  if (typeof answer !== "object" || answer === null) {
    throw new LinkError("refused", "JetStream: its answer is not an object in JSON");
  }
  if (answer.error) throw errorOf(answer.error);
  return answer;
}

function isTrouble(error: unknown, trouble: LinkTrouble): boolean {
  return error instanceof LinkError && error.trouble === trouble;
}

function nanoseconds(ms: number): number {
  return ms * 1e6;
}

function encode(value: unknown): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify(value));
}
