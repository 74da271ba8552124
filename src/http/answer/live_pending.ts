/**
 * The events of a live answer that are still to be sent: pieces of output are joined, and dropped if they become too many.
 * They are taken out in batches, so that no event and no chunk of the answer is very long.
 *
 * @module
 */

import { type ByteBuffer, createByteBuffer } from "../../async/bytes.ts";
import type { StartedAt } from "../../jobs/job.ts";
import type { LiveEvent } from "../../wire/events.ts";
import { createPieceMaker, type OutputPiece, type PieceMaker } from "../../wire/output_piece.ts";
import type { ProgressReport } from "../../wire/progress_line.ts";

/** A stream of the command's output. */
export type OutputStream = "stdout" | "stderr";

/** See the module's head. */
export interface PendingEvents {
  /** Whether there is nothing to send. */
  readonly isEmpty: boolean;
  /** Whether there is enough to be sent at once. */
  readonly isEnough: boolean;
  /** Whether there is so much that further output must be dropped. */
  readonly isFull: boolean;
  /** The job waits with this position; replaces an earlier one. */
  queued(place: number): void;
  /** The command has started. */
  started(worker: StartedAt): void;
  /** Copies a piece of output; not to be called when it is full. */
  add(stream: OutputStream, bytes: Uint8Array<ArrayBuffer>): void;
  /** Counts bytes of output that are dropped because it is full, or that never came. */
  drop(stream: OutputStream, bytes: number): void;
  /** The command reported progress. Of the reports that come while it is full, only the latest is kept. */
  progress(report: ProgressReport): void;
  /**
   * Takes out the next events, in their order: about 64 KiB of them. `isLast`: behind the last of them also the incomplete
   * characters at the end of the output.
   */
  take(isLast: boolean): LiveEvent[];
  /** Throws all events away. */
  clear(): void;
}

/** From how many bytes on pieces of output are joined no longer, but sent. */
const enoughBytes = 16 * 1024;

/**
 * From how many bytes on output is dropped. A command writes a burst faster than any client takes it. Only running commands
 * produce output, so the number of workers bounds this memory. What is left when a command ends counts in the budget of memory
 * too, until the listener has taken it or is given up.
 */
const fullBytes = 1024 * 1024;

/** The length of an event and of a batch, in bytes of output, unless one piece has more: pieces are not cut. */
const batchBytes = 64 * 1024;

/** What an event counts besides its bytes of output: about the memory that it takes up. */
const eventBytes = 256;

/** Creates a list without events. `onHeld` is called with the bytes that it holds more than before; less, if negative. */
export function createPendingEvents(onHeld: (bytes: number) => void): PendingEvents {
  return new Pending(onHeld);
}

type PendingPart =
  | { readonly event: OutputStream; readonly bytes: ByteBuffer }
  | { readonly event: "progress" } & ProgressReport
  | Gap;

/** What came while the list was full, or was lost before. */
interface Gap {
  readonly event: "truncated";
  /** Bytes that were dropped, or lost. */
  readonly dropped: Record<OutputStream, number>;
  /** The latest report. */
  latest?: ProgressReport;
}

/** A class, because every live answer has one: an object literal with getters creates new functions each time. */
class Pending implements PendingEvents {
  readonly #onHeld: (bytes: number) => void;
  #place: number | undefined;
  #worker: StartedAt | undefined;
  #parts: PendingPart[] = [];
  #size = 0;
  #stdout: PieceMaker | undefined;
  #stderr: PieceMaker | undefined;

  constructor(onHeld: (bytes: number) => void) {
    this.#onHeld = onHeld;
  }

  get isEmpty(): boolean {
    return this.#parts.length === 0 && this.#place === undefined && !this.#worker;
  }

  get isEnough(): boolean {
    return this.#size >= enoughBytes;
  }

  get isFull(): boolean {
    return this.#size >= fullBytes;
  }

  queued(place: number): void {
    this.#place = place;
  }

  started(worker: StartedAt): void {
    this.#worker = worker;
  }

  add(stream: OutputStream, bytes: Uint8Array<ArrayBuffer>): void {
    let part = this.#parts.at(-1);
    if (part?.event !== stream || part.bytes.length + bytes.length > batchBytes) {
      part = { event: stream, bytes: createByteBuffer(batchBytes) };
      this.#push(part);
    }
    part.bytes.append(bytes);
    this.#hold(bytes.length);
  }

  drop(stream: OutputStream, bytes: number): void {
    this.#gap().dropped[stream] += bytes;
  }

  progress(report: ProgressReport): void {
    if (this.isFull) this.#gap().latest = report;
    else this.#push({ event: "progress", ...report });
  }

  take(isLast: boolean): LiveEvent[] {
    const events: LiveEvent[] = [];
    if (this.#place !== undefined) events.push({ event: "queued", place: this.#place });
    if (this.#worker) {
      const { id, pid, node } = this.#worker;
      events.push({ event: "started", worker_id: id, pid, node });
    }
    this.#place = this.#worker = undefined;
    let size = 0;
    let count = 0;
    for (const part of this.#parts) {
      const larger = size + sizeOf(part);
      if (count > 0 && larger > batchBytes) break;
      this.#addEvents(events, part);
      size = larger;
      count++;
    }
    this.#parts.splice(0, count);
    if (size > 0) this.#hold(-size);
    if (isLast && this.#parts.length === 0) {
      addPiece(events, "stdout", this.#stdout?.end());
      addPiece(events, "stderr", this.#stderr?.end());
    }
    return events;
  }

  clear(): void {
    this.#place = this.#worker = undefined;
    this.#parts = [];
    if (this.#size > 0) this.#hold(-this.#size);
  }

  #push(part: PendingPart): void {
    this.#parts.push(part);
    this.#hold(sizeOf(part));
  }

  #hold(bytes: number): void {
    this.#size += bytes;
    this.#onHeld(bytes);
  }

  #gap(): Gap {
    let part = this.#parts.at(-1);
    if (part?.event !== "truncated") {
      part = { event: "truncated", dropped: { stdout: 0, stderr: 0 } };
      this.#push(part);
    }
    return part;
  }

  #addEvents(events: LiveEvent[], part: PendingPart): void {
    switch (part.event) {
      case "stdout":
      case "stderr":
        addPiece(events, part.event, this.#makerOf(part.event).next(part.bytes.bytes()));
        break;
      case "progress":
        events.push(part);
        break;
      case "truncated":
        this.#addGap(events, part);
        break;
    }
  }

  #addGap(events: LiveEvent[], { dropped: { stdout, stderr }, latest }: Gap): void {
    // What follows a gap must not complete a character that began before it.
    if (stdout > 0) addPiece(events, "stdout", this.#stdout?.end());
    if (stderr > 0) addPiece(events, "stderr", this.#stderr?.end());
    if (stdout + stderr > 0) {
      events.push({
        event: "truncated",
        stdout_bytes: stdout || undefined,
        stderr_bytes: stderr || undefined,
      });
    }
    if (latest) events.push({ event: "progress", ...latest });
  }

  #makerOf(stream: OutputStream): PieceMaker {
    return stream === "stdout"
      ? this.#stdout ??= createPieceMaker()
      : this.#stderr ??= createPieceMaker();
  }
}

/** The bytes that a part counts. */
function sizeOf(part: PendingPart): number {
  switch (part.event) {
    case "stdout":
    case "stderr":
      return eventBytes + part.bytes.length;
    case "progress":
      return eventBytes + part.text.length;
    case "truncated":
      return eventBytes;
  }
}

function addPiece(events: LiveEvent[], event: OutputStream, piece: OutputPiece | undefined): void {
  if (piece) events.push({ event, ...piece });
}
