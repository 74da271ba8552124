/**
 * A live answer whose timeouts end when a test says so.
 *
 * @module
 */

import type { Captured, JobResult, StoredFile } from "../../src/jobs/job.ts";
import { createLiveAnswers, type LiveAnswers } from "../../src/http/answer/live.ts";
import type { LiveAnswer } from "../../src/http/answer/live_answer.ts";
import type { LiveFormat } from "../../src/wire/events.ts";
import { byHand } from "./deadlines.ts";
import { eventsIn, type ReceivedEvent } from "./live_events.ts";
import { encode } from "./pieces.ts";

/** A live answer, and what it did. */
export interface LiveStage {
  /** Where it comes from. */
  readonly answers: LiveAnswers;
  /** The answer. */
  readonly answer: LiveAnswer;
  /** Its timeouts. */
  readonly waits: Record<"answer" | "join" | "heartbeat", ReturnType<typeof byHand>>;
  /** The callbacks of its request, in the order of their calls. */
  readonly calls: string[];
  /** Bytes of memory that it holds, as its request knows. */
  held(): number;
  /** Number of all timeouts that wait. */
  waiting(): number;
  /** The command writes. */
  write(stream: "stdout" | "stderr", text: string): void;
}

/** Opens an answer. */
export function openLive(format: LiveFormat = "ndjson"): LiveStage {
  const waits = { answer: byHand(60_000), join: byHand(50), heartbeat: byHand(15_000) };
  const answers = createLiveAnswers(waits);
  const calls: string[] = [];
  let held = 0;
  const answer = answers.admit()?.open({
    format,
    requestId: "r",
    onGone: () => void calls.push("gone"),
    onGivenUp: (cause) => void calls.push(`given up: ${cause}`),
    onHeld: (bytes) => void (held += bytes),
    onOver: () => void calls.push("over"),
  });
  if (!answer) throw new Error("there is no room");
  const write = (stream: "stdout" | "stderr", text: string) => {
    const bytes = encode(text);
    answer.onOutput(stream, bytes);
    // The memory of a piece is reused.
    bytes.fill(0x21);
  };
  const waiting = () => waits.answer.waiting + waits.join.waiting + waits.heartbeat.waiting;
  return { answers, answer, waits, calls, held: () => held, waiting, write };
}

/** A listener that takes what is there when the test says so. */
export interface Listener {
  /** Takes one chunk; resolves with its text, or undefined at the end. */
  take(): Promise<string | undefined>;
  /** Takes everything until the answer ends; resolves with all events, also those taken before. */
  rest(): Promise<ReceivedEvent[]>;
  /** Disconnects. */
  leave(): Promise<void>;
}

/** Listens to an answer. */
export function listen({ body }: LiveAnswer, format: LiveFormat = "ndjson"): Listener {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let all = "";
  async function take(): Promise<string | undefined> {
    const { done, value } = await reader.read();
    if (done) return undefined;
    const text = decoder.decode(value);
    all += text;
    return text;
  }
  return {
    take,
    async rest() {
      while (await take() !== undefined);
      return eventsIn(all, format);
    },
    leave: () => reader.cancel(),
  };
}

/** Nothing of a stream or file. */
export const nothing: Captured = { bytes: new Uint8Array(), truncated: false };

/** The result of a job, by default of a command that wrote nothing. */
export function ran(
  data: Captured = nothing,
): { readonly kind: "ran"; readonly result: JobResult } {
  return {
    kind: "ran",
    result: {
      id: "i",
      workerId: 1,
      queuedSec: 0,
      elapsedSec: 1,
      ending: { kind: "exited", exitStatus: 0 },
      output: nothing,
      error: nothing,
      data,
    },
  };
}

/** A file of zeros that counts how often it is closed. `there`: how many of them can be read. */
export function zeros(length: number, there = length): StoredFile & { readonly closed: number } {
  let closed = 0;
  return {
    length,
    read: (at, into) => Promise.resolve(Math.max(0, Math.min(into.length, there - at))),
    close: () => void closed++,
    get closed() {
      return closed;
    },
  };
}
