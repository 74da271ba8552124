/**
 * One process that is started before its job: it gets a job as a block on its standard input, and ends it by an end line on both
 * streams, after which it may get another one, or by its exit.
 *
 * @module
 */

import { atMost } from "../../async/at_most.ts";
import { createDeadlines } from "../../async/deadlines.ts";
import type { Stop } from "../../jobs/stop.ts";
import type { WarmEnd } from "../../jobs/warm.ts";
import type { KeptWorkspace } from "../../spool/kept_workspace.ts";
import { commandEnd, pipesEnd, type TreeEnder } from "../ending.ts";
import { createLaunchLine, type LaunchLine } from "../launch_line.ts";
import { type Pipe, readPipe, type Scratch, scratchBytes } from "../pipe.ts";
import type { Launcher } from "../start.ts";
import { type JobEnd, JobStream } from "./end_line.ts";

/** What a process is handled with. */
export interface WarmProcessParts {
  /** The process, with three pipes. */
  readonly child: Deno.ChildProcess;
  /** Its folder, which is its mark, and its two files; they outlive it. */
  readonly files: KeptWorkspace;
  /** The launcher that started it; undefined if it was started directly. */
  readonly launcher: Launcher | undefined;
  /** Memory that pipes are read into. */
  readonly scratch: Scratch;
  /** Kills process trees. */
  readonly trees: TreeEnder;
  /** How long it may take to exit after the end of its standard input, in milliseconds. */
  readonly graceMs: number;
  /** Called if it exits while it has no job, unless `end` was called. */
  onIdleExit(status: Deno.CommandStatus): void;
  /** Called each time that bytes were dropped which belong to no job; `isFault`: it is not to be used again because of that. */
  onStray(bytes: number, isFault: boolean): void;
}

/** A job for a process. */
export interface ProcessJob {
  /** What is written to its standard input. */
  readonly block: Uint8Array<ArrayBuffer>;
  /** The word of its end lines, which is in the block. */
  readonly word: string;
  /** Whether the process was there before the job. */
  readonly warm: boolean;
  /** Receives the cause to end the run; closed once the job has ended. */
  readonly stop: Stop;
  /** Called once, before any output, when the process has got the job. */
  onTaken(): void;
  /** Called with each piece of output; as `PieceListener`. */
  onOutput(kind: StreamName, bytes: Uint8Array<ArrayBuffer>): void | Promise<void>;
}

/** How a job ended; `unread`: the process had closed its standard input before, so nothing of the job has happened. */
export type ProcessEnd = { readonly kind: "unread" } | {
  readonly kind: "ended";
  /** The status of the job; undefined if the process could not be killed. */
  readonly status: Deno.CommandStatus | undefined;
  /** When it ended, by `performance.now`. */
  readonly endedMs: number;
  /** The number in the line of a launcher that could not start the command; undefined if there was none. */
  readonly errno: number | undefined;
  /** A sentence for the client; undefined if the process kept to the protocol. */
  readonly message: string | undefined;
};

/** A stream of the process's output. */
export type StreamName = "stdout" | "stderr";

/** How long an end line may be missing on one stream after it came on the other, in milliseconds. */
const otherLineMs = 250;

/** How long the result of a write may come after the exit of its reader, in milliseconds. */
const lateWriteMs = 250;

const nothing = new Uint8Array();

/** A warm process. It is idle, has a job, or has a `fate`. */
export class WarmProcess {
  /** Its process id. */
  readonly pid: number;
  /** Its folder and files; they outlive it. */
  readonly files: KeptWorkspace;
  /** When it was started, by `performance.now`. */
  readonly startedMs: number = performance.now();
  readonly #parts: WarmProcessParts;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #launchLine: LaunchLine | undefined;
  readonly #exited = Promise.withResolvers<void>();
  #status: Deno.CommandStatus | undefined;
  #onStatus: (status: Deno.CommandStatus) => void;
  #jobs = 0;
  #pipes: Readonly<Record<StreamName, Pipe>> | undefined;
  /** The streams of its job; undefined while it has none. */
  #streams: Readonly<Record<StreamName, JobStream>> | undefined;
  #wordBefore: string | undefined;
  /** Whether a read of the latest job has filled its memory, so that more bytes may be in the pipe. */
  #wasFull = false;
  #fate: WarmEnd | undefined;
  #gone: Promise<void> | undefined;
  /** One timer for all of its jobs, nearly all of which end before it does. */
  readonly #silences = createDeadlines(otherLineMs);
  #endSilence = () => {};
  #deadline: Deadline | undefined;

  /** Takes over a process that was just started. Its output is not read before its first job, to which it belongs. */
  constructor(parts: WarmProcessParts) {
    const { child, files, launcher } = parts;
    this.#parts = parts;
    this.pid = child.pid;
    this.files = files;
    this.#stdin = child.stdin.getWriter();
    this.#stdin.closed.catch(() => {});
    this.#launchLine = launcher &&
      createLaunchLine(launcher, (bytes) => this.#write("stderr", bytes));
    this.#onStatus = this.#onIdleExit;
    // One listener for its whole life: each race with the promise itself would leave one behind.
    void child.status.then((status) => {
      this.#status = status;
      this.#exited.resolve();
      this.#onStatus(status);
    });
  }

  /** The jobs that it has got. */
  get jobs(): number {
    return this.#jobs;
  }

  /** Why it serves no further job; undefined as long as it does. */
  get fate(): WarmEnd | undefined {
    return this.#fate;
  }

  /** Gives it a job. To be called while it is idle. */
  async run(job: ProcessJob): Promise<ProcessEnd> {
    const { word, warm, stop } = job;
    this.#jobs++;
    const lines: Partial<Record<StreamName, JobEnd>> = {};
    const over = Promise.withResolvers<Deno.CommandStatus>();
    let missing: StreamName | undefined;
    let isTaken = false;
    const take = () => {
      if (!isTaken) job.onTaken();
      isTaken = true;
    };
    const streamOf = (name: StreamName, other: StreamName) =>
      new JobStream({
        word,
        wordBefore: this.#wordBefore,
        passOn(bytes) {
          take();
          return job.onOutput(name, bytes);
        },
        onEnd: (line) => {
          lines[name] = line;
          const { stdout = line } = lines;
          if (lines[other]) return over.resolve(statusOf(stdout));
          this.#awaitSilence(other, () => {
            missing = other;
            over.resolve(statusOf(line));
          });
        },
        onStray: (bytes) => this.#onStray(bytes),
      });
    const streams = {
      stdout: streamOf("stdout", "stderr"),
      stderr: streamOf("stderr", "stdout"),
    };
    this.#streams = streams;
    this.#wordBefore = word;
    this.#wasFull = false;
    this.#onStatus = over.resolve;
    if (this.#status) over.resolve(this.#status);
    const pipes = this.#read();
    const isGiven = await this.#give(job.block, warm ? stop : undefined, over.promise);
    if (!isGiven && !isTaken && !lines.stdout && !lines.stderr) {
      this.#fate = "idle_death";
      // What it may still write belongs to no job.
      this.#streams = undefined;
      return { kind: "unread" };
    }
    take();
    const status = await commandEnd({ status: over.promise }, stop, () => this.endTree());
    this.#endSilence();
    const endedMs = performance.now();
    const hasExited = this.#status !== undefined || stop.cause !== undefined;
    let errno: number | undefined;
    if (hasExited) {
      await this.#pipesEnd(pipes);
      errno = await this.#launchLine?.end(stop.cause ? undefined : status?.code, pipes.stdout.seen);
    } else if (this.#wasFull) {
      // More of the stream may be in the pipe, behind the end line.
      await new Promise((resolve) => setTimeout(resolve));
    }
    await streams.stdout.flush();
    await streams.stderr.flush();
    this.#streams = undefined;
    this.#onStatus = this.#onIdleExit;
    const { stdout, stderr } = lines;
    const message = stop.cause
      ? undefined
      : stdout && stderr
      ? difference(stdout, stderr)
      : missing && !hasExited
      ? missingLine(missing)
      : undefined;
    const isLeaving = stdout?.leaving || stderr?.leaving;
    if (stop.cause) this.#fate = "caused";
    else if (message) this.#fate = "protocol";
    else if (isLeaving) this.#fate = "leaving";
    else if (hasExited || this.#status) this.#fate = "job";
    const byLines = stdout && stderr && !stop.cause;
    return { kind: "ended", status: byLines ? statusOf(stdout) : status, endedMs, errno, message };
  }

  /** Its exit status; undefined while it runs. */
  get status(): Deno.CommandStatus | undefined {
    return this.#status;
  }

  /**
   * Ends it for this reason, unless it has a fate already: closes its standard input, and kills its tree after the grace.
   * Resolves when it is gone. Idempotent. Not to be called while it has a job.
   */
  end(why: WarmEnd): Promise<void> {
    this.#fate ??= why;
    return this.#gone ??= this.#end();
  }

  /** Lets it take at most this much longer to exit, in milliseconds. */
  hurry(ms: number): void {
    this.#deadline ??= new Deadline(ms);
    this.#deadline.shorten(ms);
  }

  /** Kills it with all that it has started, whatever became of itself. Resolves when that is done. */
  endTree(): Promise<void> {
    return this.#parts.trees.endTree({ pid: this.pid, mark: this.files.folder });
  }

  async #end(): Promise<void> {
    this.#onStatus = () => {};
    this.#silences[Symbol.dispose]();
    const pipes = this.#read();
    this.#stdin.close().catch(() => {});
    // A process that was killed with its job is not killed again, although its status may be missing.
    const isOver = this.#status !== undefined || this.#fate === "caused";
    const deadline = this.#deadline ??= new Deadline(this.#parts.graceMs);
    if (!isOver) await Promise.race([this.#exited.promise, deadline.passed]);
    deadline.clear();
    if (!isOver && !this.#status) await this.endTree();
    await this.#pipesEnd(pipes);
  }

  /**
   * Writes a block. With a `stop`, waits until it is written, there is a cause, or the job is over. False if it could not be
   * written, also because the pipe is full: it stays so after the process's exit if another process holds it.
   */
  async #give(
    block: Uint8Array<ArrayBuffer>,
    stop: Stop | undefined,
    over: Promise<unknown>,
  ): Promise<boolean> {
    let isWritten: boolean | undefined;
    void this.#stdin.write(block).catch(() => {});
    // Deno 2.7 reports that a pipe has no reader only to the write after it.
    const written = this.#stdin.write(nothing)
      .then(() => void (isWritten = true), () => void (isWritten = false));
    if (!stop) return true;
    const caused = Promise.withResolvers<void>();
    stop.onRequest(caused.resolve);
    await Promise.race([written, caused.promise, over]);
    if (stop.cause) return true;
    // After an exit, the result of the write may be on its way.
    if (isWritten === undefined) await atMost(lateWriteMs, written);
    return isWritten === true;
  }

  #read(): Readonly<Record<StreamName, Pipe>> {
    const { child, scratch } = this.#parts;
    const line = this.#launchLine;
    const onStderr = (bytes: Uint8Array<ArrayBuffer>) =>
      line ? line.write(bytes) : this.#write("stderr", bytes);
    return this.#pipes ??= {
      stdout: readPipe(child.stdout, scratch, (bytes) => this.#write("stdout", bytes)),
      stderr: readPipe(child.stderr, scratch, onStderr),
    };
  }

  #write(name: StreamName, bytes: Uint8Array<ArrayBuffer>): void | Promise<void> {
    this.#wasFull ||= bytes.length === scratchBytes;
    return this.#streams ? this.#streams[name].write(bytes) : this.#onStray(bytes.length);
  }

  #onStray(bytes: number): void {
    const isFault = this.#fate === undefined;
    this.#fate ??= "protocol";
    this.#parts.onStray(bytes, isFault);
  }

  readonly #onIdleExit = (status: Deno.CommandStatus) => {
    this.#fate ??= "idle_death";
    this.#parts.onIdleExit(status);
  };

  /**
   * Calls `onSilent` when nothing has come on a stream for a while, unless `#endSilence` is called before. A listener that is slow
   * is waited for.
   */
  #awaitSilence(name: StreamName, onSilent: () => void): void {
    const pipe = this.#read()[name];
    const before = pipe.seen;
    this.#endSilence = this.#silences.start(() => {
      if (pipe.held || pipe.seen !== before) this.#awaitSilence(name, onSilent);
      else onSilent();
    });
  }

  async #pipesEnd({ stdout, stderr }: Readonly<Record<StreamName, Pipe>>): Promise<void> {
    const tree = { pid: this.pid, mark: this.files.folder };
    await pipesEnd([stdout, stderr], () => this.#parts.trees.endHolders(tree));
  }
}

/** A moment that may come earlier. */
class Deadline {
  readonly #passed = Promise.withResolvers<void>();
  #at: number;
  #timer: ReturnType<typeof setTimeout>;

  constructor(ms: number) {
    this.#at = performance.now() + ms;
    this.#timer = setTimeout(this.#passed.resolve, ms);
  }

  get passed(): Promise<void> {
    return this.#passed.promise;
  }

  shorten(ms: number): void {
    const at = performance.now() + ms;
    if (at >= this.#at) return;
    this.#at = at;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#passed.resolve, ms);
  }

  clear(): void {
    this.#at = -Infinity;
    clearTimeout(this.#timer);
  }
}

function statusOf({ status }: JobEnd): Deno.CommandStatus {
  return { success: status === 0, code: status, signal: null };
}

/** The sentence for end lines with different statuses; undefined if they are equal. */
function difference(stdout: JobEnd, stderr: JobEnd): string | undefined {
  return stdout.status === stderr.status
    ? undefined
    : `the process ended its job with ${stdout.status} on stdout but with ${stderr.status} on stderr; it was replaced`;
}

/** The sentence for an end line that is missing on this stream. */
function missingLine(name: StreamName): string {
  const other = name === "stdout" ? "stderr" : "stdout";
  return `the process ended its job on ${other} but not on ${name}; it was replaced`;
}
