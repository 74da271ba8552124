/**
 * The events of a live answer that are still to be sent: pieces of output are joined, and dropped if they become too many.
 *
 * @module
 */

import { type ByteBuffer, createByteBuffer } from "../../async/bytes.ts";
import type { LiveEvent } from "../../wire/events.ts";
import { createPieceMaker, type PieceMaker } from "../../wire/output_piece.ts";
import type { ProgressReport } from "../../wire/progress_line.ts";

/** A stream of the command's output. */
export type OutputStream = "stdout" | "stderr";

/** See the module's head. */
export interface PendingEvents {
  /** Whether there is nothing to send. */
  readonly isEmpty: boolean;
  /** Whether there is enough to be sent at once. If it cannot be sent, further output must be dropped. */
  readonly isFull: boolean;
  /** The job waits with this position; replaces an earlier one. */
  queued(place: number): void;
  /** The command has started. */
  started(worker: { readonly id: number; readonly pid: number }): void;
  /** Copies a piece of output; not to be called when it is full. */
  add(stream: OutputStream, bytes: Uint8Array<ArrayBuffer>): void;
  /** Counts bytes of output that are dropped because it is full. */
  drop(stream: OutputStream, bytes: number): void;
  /** The command reported progress. Once it is full, only the latest report is kept, to be sent after everything else. */
  progress(report: ProgressReport): void;
  /** Takes out all events, in their order. `isLast`: also the incomplete characters at the end of the output. */
  take(isLast: boolean): LiveEvent[];
}

/** Pieces of output are joined until they have this many bytes. None is cut, so that a fast client can keep up with a pipe. */
const joinedBytes = 16 * 1024;

/** What an event counts besides its bytes of output, so that many small ones are not too many. */
const eventBytes = 64;

/** Creates a list without events. */
export function createPendingEvents(): PendingEvents {
  return new Pending();
}

type PendingPart =
  | { readonly event: OutputStream; readonly bytes: ByteBuffer }
  | { readonly event: "progress" } & ProgressReport;

/** A class, because every live answer has one: an object literal with getters creates new functions each time. */
class Pending implements PendingEvents {
  #place: number | undefined;
  #worker: { readonly id: number; readonly pid: number } | undefined;
  #parts: PendingPart[] = [];
  #size = 0;
  #stdoutDropped = 0;
  #stderrDropped = 0;
  #latest: ProgressReport | undefined;
  #stdout: PieceMaker | undefined;
  #stderr: PieceMaker | undefined;

  get isEmpty(): boolean {
    return this.#parts.length === 0 && this.#place === undefined && !this.#worker;
  }

  get isFull(): boolean {
    return this.#size >= joinedBytes;
  }

  queued(place: number): void {
    this.#place = place;
  }

  started(worker: { readonly id: number; readonly pid: number }): void {
    this.#worker = worker;
  }

  add(stream: OutputStream, bytes: Uint8Array<ArrayBuffer>): void {
    let part = this.#parts.at(-1);
    if (part?.event !== stream) {
      part = { event: stream, bytes: createByteBuffer() };
      this.#parts.push(part);
      this.#size += eventBytes;
    }
    part.bytes.append(bytes);
    this.#size += bytes.length;
  }

  drop(stream: OutputStream, bytes: number): void {
    if (stream === "stdout") this.#stdoutDropped += bytes;
    else this.#stderrDropped += bytes;
  }

  progress(report: ProgressReport): void {
    if (this.isFull) {
      this.#latest = report;
      return;
    }
    this.#parts.push({ event: "progress", ...report });
    this.#size += eventBytes + report.text.length;
  }

  take(isLast: boolean): LiveEvent[] {
    const events: LiveEvent[] = [];
    if (this.#place !== undefined) events.push({ event: "queued", place: this.#place });
    if (this.#worker) {
      events.push({ event: "started", worker_id: this.#worker.id, pid: this.#worker.pid });
    }
    for (const part of this.#parts) {
      if (part.event === "progress") events.push(part);
      else this.#addPiece(events, part.event, this.#makerOf(part.event).next(part.bytes.bytes()));
    }
    // What follows a gap must not complete a character that began before it.
    if (isLast || this.#stdoutDropped > 0) this.#addPiece(events, "stdout", this.#stdout?.end());
    if (isLast || this.#stderrDropped > 0) this.#addPiece(events, "stderr", this.#stderr?.end());
    if (this.#stdoutDropped + this.#stderrDropped > 0) {
      events.push({
        event: "truncated",
        stdout_bytes: this.#stdoutDropped || undefined,
        stderr_bytes: this.#stderrDropped || undefined,
      });
    }
    if (this.#latest) events.push({ event: "progress", ...this.#latest });
    this.#place = this.#worker = this.#latest = undefined;
    this.#parts = [];
    this.#size = this.#stdoutDropped = this.#stderrDropped = 0;
    return events;
  }

  #makerOf(stream: OutputStream): PieceMaker {
    return stream === "stdout"
      ? this.#stdout ??= createPieceMaker()
      : this.#stderr ??= createPieceMaker();
  }

  #addPiece(
    events: LiveEvent[],
    event: OutputStream,
    piece: ReturnType<PieceMaker["end"]>,
  ): void {
    if (piece) events.push({ event, ...piece });
  }
}
