/**
 * A client of live answers.
 *
 * @module
 */

import { liveContentTypes, type LiveFormat } from "../../src/wire/events.ts";
import { base64 } from "./client.ts";
import { eventsIn, type ReceivedEvent } from "./live_events.ts";

/** A live answer that is being read. */
export interface LiveClient {
  readonly status: number;
  readonly headers: Headers;
  /** All events so far. */
  readonly events: readonly ReceivedEvent[];
  /** Reads until there is such an event, and resolves with the first one; rejects if the answer ends before. */
  until(name: string): Promise<ReceivedEvent>;
  /** Reads until this is the whole output of a stream so far; rejects if the answer ends before. */
  untilOutput(stream: "stdout" | "stderr", text: string): Promise<void>;
  /** Reads to the end and resolves with all events. Rejects if the answer breaks. */
  rest(): Promise<readonly ReceivedEvent[]>;
  /** Disconnects. */
  leave(): Promise<void>;
}

/** What a live answer is asked for with. */
export interface LiveOptions {
  readonly format?: LiveFormat;
  readonly id?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Posts a shell script to a path of `/run` or `/payload`, and begins to read its events. */
export async function openLive(
  url: string,
  path: string,
  script: string,
  { format = "ndjson", id = "live", headers = {} }: LiveOptions = {},
): Promise<LiveClient> {
  const isPayload = path.startsWith("/payload");
  const query = isPayload ? "" : `?id=${encodeURIComponent(id)}`;
  const response = await fetch(`${url}${path}${query}`, {
    method: "POST",
    body: isPayload ? JSON.stringify({ id, data: base64(script) }) : script,
    headers: { accept: liveContentTypes[format], ...headers },
  });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  let events: ReceivedEvent[] = [];

  async function more(): Promise<boolean> {
    const { done, value = "" } = await reader?.read() ?? { done: true };
    text += value;
    const end = format === "sse" ? "\n\n" : "\n";
    events = eventsIn(text.slice(0, text.lastIndexOf(end) + end.length), format);
    return !done;
  }

  async function readUntil(what: string, holds: () => boolean): Promise<void> {
    while (!holds()) if (!await more()) throw new Error(`the answer has ended without ${what}`);
  }

  return {
    status: response.status,
    headers: response.headers,
    get events() {
      return events;
    },
    async until(name) {
      const find = () => events.find(({ event }) => event === name);
      await readUntil(name, () => find() !== undefined);
      return find() as ReceivedEvent;
    },
    untilOutput: (stream, text) =>
      readUntil(`“${text}” on ${stream}`, () => outputIn(events, stream) === text),
    async rest() {
      while (await more());
      return events;
    },
    leave: async () => await reader?.cancel(),
  };
}

/** The output of a stream in events; what is not UTF-8 has one character for each byte. */
export function outputIn(events: readonly ReceivedEvent[], stream: "stdout" | "stderr"): string {
  return events.filter(({ event }) => event === stream)
    .map(({ text, base64 }) => typeof text === "string" ? text : atob(String(base64))).join("");
}

/** The last event of an answer that has ended. */
export function lastOf(events: readonly ReceivedEvent[]): ReceivedEvent {
  const last = events.at(-1);
  if (!last) throw new Error("there is no event");
  return last;
}
