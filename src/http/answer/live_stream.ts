/**
 * One live answer: from the events of a job to the bytes of the answer.
 *
 * The command is never slowed. While a listener has 64 KiB of events to take, output is kept for it only until that is 1 MiB
 * more; the rest is dropped and counted, and of progress only the latest report is kept. Everything else waits until it takes
 * more. Output that was lost on its way from another machine is counted in the same event.
 *
 * @module
 */

import type { StartedAt } from "../../jobs/job.ts";
import {
  encodeEvent,
  encodeExit,
  liveComment,
  liveContentTypes,
  type LiveEvent,
  liveOpening,
} from "../../wire/events.ts";
import {
  createProgressFilter,
  type ProgressFilter,
  type ProgressReport,
} from "../../wire/progress_line.ts";
import { unbuffered } from "./answer.ts";
import { type GivenUpCause, givenUpError } from "./delivery.ts";
import type { LiveAnswer, LiveEnd, LiveRequest, LiveTimeouts } from "./live_answer.ts";
import { openOutlet, type Outlet } from "./live_outlet.ts";
import { createPendingEvents, type OutputStream, type PendingEvents } from "./live_pending.ts";
import { type Problem, problemAnswer } from "./problem.ts";

/** Begins a live answer. */
export function openLiveStream(request: LiveRequest, timeouts: LiveTimeouts): LiveAnswer {
  return new LiveStream(request, timeouts);
}

/** A class, because there are many at a time: object literals create new functions each time. */
class LiveStream implements LiveAnswer {
  readonly headers: Readonly<Record<string, string>>;
  readonly #request: LiveRequest;
  readonly #timeouts: LiveTimeouts;
  readonly #pending: PendingEvents;
  readonly #outlet: Outlet;
  #seq = 0;
  #filter: ProgressFilter | undefined;
  #hasStarted = false;
  #end: LiveEnd | undefined;
  /** The text of the last event, while it is sent. */
  #last: AsyncIterator<string> | undefined;
  #isSending = false;
  /** The runtime has everything, but the client may not have read it. */
  #isSent = false;
  #isOver = false;
  #stopJoining: (() => void) | undefined;
  #stopHeartbeat: (() => void) | undefined;

  constructor(request: LiveRequest, timeouts: LiveTimeouts) {
    this.#request = request;
    this.#timeouts = timeouts;
    this.#pending = createPendingEvents((bytes) => request.onHeld(bytes));
    this.headers = { "content-type": liveContentTypes[request.format], ...unbuffered };
    this.#outlet = openOutlet(timeouts.answer, {
      onRoom: () => this.#proceed(),
      onGone: () => this.#finish(() => request.onGone()),
      onTimeout: () => this.giveUp("answer_timeout"),
    });
    const opening = liveOpening(request.format);
    if (opening !== "") this.#send(opening);
    else this.#restartHeartbeat();
  }

  get body(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return this.#outlet.body;
  }

  queued(place: number): void {
    if (this.#isDone || this.#hasStarted) return;
    this.#pending.queued(place);
    this.#flush();
  }

  onStarted(worker: StartedAt): void {
    if (this.#isDone) return;
    this.#hasStarted = true;
    this.#pending.started(worker);
    this.#flush();
  }

  onOutput(stream: OutputStream, bytes: Uint8Array<ArrayBuffer>): void {
    if (this.#isDone) return;
    if (stream === "stdout") this.#add("stdout", bytes);
    else this.#stderr.write(bytes);
    this.#added();
  }

  onLost(stream: OutputStream, bytes: number): void {
    if (this.#isDone) return;
    // The beginning of a progress line before a gap is not one: its end may be lost.
    if (stream === "stderr") this.#filter?.end();
    this.#pending.drop(stream, bytes);
    this.#added();
  }

  end(end: LiveEnd): void {
    if (this.#isDone) {
      closeFiles(end);
      return;
    }
    if (end.kind === "ran" && end.result.ending.kind === "not_started") {
      // Instead of output it has the reason.
      this.#stderr.write(end.result.error.bytes);
    }
    this.#filter?.end();
    this.#end = end;
    this.#stopHeartbeat?.();
    void this.#proceed();
  }

  handedOver(): void {
    if (this.#isSent) this.#finish();
  }

  giveUp(cause: GivenUpCause): void {
    this.#finish(() => {
      this.#outlet.fail(givenUpError);
      this.#request.onGivenUp(cause);
    });
  }

  /** Whether no event may be added: the answer is over, or its last event is known. */
  get #isDone(): boolean {
    return this.#isOver || this.#end !== undefined;
  }

  get #stderr(): ProgressFilter {
    return this.#filter ??= createProgressFilter(
      (bytes) => this.#add("stderr", bytes),
      (report) => this.#report(report),
    );
  }

  #added(): void {
    if (this.#pending.isEnough) this.#flush();
    // The first piece after a pause is sent at once.
    if (!this.#stopJoining) this.#join();
  }

  #add(stream: OutputStream, bytes: Uint8Array<ArrayBuffer>): void {
    if (this.#pending.isFull) this.#flush();
    if (this.#pending.isFull) this.#pending.drop(stream, bytes.length);
    else this.#pending.add(stream, bytes);
  }

  #report(report: ProgressReport): void {
    if (this.#pending.isFull) this.#flush();
    this.#pending.progress(report);
  }

  readonly #join = (): void => {
    this.#stopJoining = undefined;
    if (this.#pending.isEmpty || !this.#flush() || this.#isOver) return;
    this.#stopJoining = this.#timeouts.join.start(this.#join);
  };

  /** Sends of what is pending as much as the listener has room for; returns whether that is all. */
  #flush(): boolean {
    while (this.#outlet.hasRoom) {
      let text = "";
      for (const event of this.#pending.take(this.#end !== undefined)) {
        text += encodeEvent(event, this.#seq++, this.#request.format);
      }
      if (text !== "") this.#send(text);
      if (this.#pending.isEmpty) return true;
    }
    return false;
  }

  /** Called when the listener has taken something, and when the last event is known: sends what there is room for. */
  #proceed(): Promise<void> | undefined {
    const end = this.#end;
    if (this.#isOver || (!end && this.#stopJoining && !this.#pending.isEnough)) return undefined;
    const isAll = this.#flush();
    // Sending can come back to this function.
    return isAll && end && !this.#isSending ? this.#sendLast(end) : undefined;
  }

  async #sendLast(end: LiveEnd): Promise<void> {
    this.#isSending = true;
    try {
      this.#last ??= this.#encodeLast(end);
      while (this.#outlet.hasRoom) {
        const { done, value } = await this.#last.next();
        if (this.#isOver) return;
        if (done) {
          closeFiles(end);
          // Otherwise later, because a closed stream does not report what is taken of it.
          if (this.#outlet.isEmpty) {
            this.#isSent = true;
            this.#outlet.close();
          }
          return;
        }
        this.#send(value);
      }
    } catch (error) {
      // The runtime reports the error of the stream, except Deno 2.7.11.
      this.#finish(() => this.#outlet.fail(error));
    } finally {
      this.#isSending = false;
    }
  }

  async *#encodeLast(end: LiveEnd): AsyncGenerator<string> {
    const { format, requestId } = this.#request;
    if (end.kind === "ran") yield* encodeExit(end.result, this.#seq, format);
    else yield encodeEvent(errorEvent(end, requestId), this.#seq, format);
  }

  #send(text: string): void {
    this.#outlet.send(text);
    if (!this.#isDone) this.#restartHeartbeat();
  }

  #restartHeartbeat(): void {
    this.#stopHeartbeat?.();
    this.#stopHeartbeat = this.#timeouts.heartbeat.start(this.#onSilence);
  }

  readonly #onSilence = (): void => {
    const { format } = this.#request;
    if (!this.#outlet.hasRoom) this.#restartHeartbeat();
    else this.#send(liveComment(format) ?? encodeEvent({ event: "ping" }, this.#seq++, format));
  };

  #finish(report?: () => void): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#outlet.release();
    this.#stopJoining?.();
    this.#stopHeartbeat?.();
    this.#pending.clear();
    if (this.#end) closeFiles(this.#end);
    report?.();
    this.#request.onOver();
  }
}

function errorEvent(problem: Problem, requestId: string): LiveEvent {
  const { status, detail, headers } = problemAnswer(problem, requestId, false);
  const retryAfter = headers["retry-after"];
  return {
    event: "error",
    status,
    code: problem.kind,
    detail,
    retry_after_sec: retryAfter === undefined ? undefined : Number(retryAfter),
  };
}

function closeFiles(end: LiveEnd): void {
  if (end.kind !== "ran") return;
  const { data, output, error } = end.result;
  for (const { file } of [data, output, error]) file?.close();
}
