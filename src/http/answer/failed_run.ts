/**
 * Runs that did not succeed, as errors: the answer of a client that asks for the bytes of an output and gets none.
 *
 * @module
 */

import { type Captured, capturedLength, type Ending, type JobResult } from "../../jobs/job.ts";
import type { OutputName } from "./bytes.ts";
import { metadataOf } from "../../wire/metadata.ts";

/** A problem of a run that took place. It is not a rejection, and the line of its job in the log reports it. */
export type FailedRun =
  & {
    /** How the run ended. */
    readonly ending: Ending;
    /** Headers that describe its result. */
    readonly metadata: Readonly<Record<string, string>>;
  }
  & (
    | {
      readonly kind: "command_failed";
      /** Status of the answer, from 400 to 599. */
      readonly status: number;
      /** The end of stderr, empty if there is none. */
      readonly stderrTail: string;
    }
    | { readonly kind: "timed_out" }
    | { readonly kind: "command_not_started" }
    | {
      readonly kind: "result_truncated" | "result_unreadable";
      /** What is wrong with the output that was asked for. */
      readonly sentence: string;
    }
    | { readonly kind: "draining"; readonly retryAfterSec: number }
  );

/** What decides about the answer to a run that did not succeed. */
export interface FailureSettings {
  /** Status of an answer whose command failed: 400 to 599, or 200 if that makes no difference. */
  readonly failedStatus: number;
  /** Whole seconds after which a client may retry. */
  readonly retryAfterSec: () => number;
}

/** Whether this problem is that of a run that took place. */
export function isFailedRun(problem: { readonly kind: string }): problem is FailedRun {
  return "ending" in problem;
}

/** The problem of a result; undefined if its output is the answer. Reads stderr and closes nothing. Does not reject. */
export async function failureOf(
  result: JobResult,
  { failedStatus, retryAfterSec }: FailureSettings,
): Promise<FailedRun | undefined> {
  const { ending } = result;
  const about = { ending, metadata: metadataOf(result) };
  switch (ending.kind) {
    case "timed_out":
      return { kind: "timed_out", ...about };
    case "not_started":
      return { kind: "command_not_started", ...about };
    case "shutdown":
      return { kind: "draining", ...about, retryAfterSec: retryAfterSec() };
    case "exited":
    case "signaled":
    case "canceled": {
      if (failedStatus === 200 || (ending.kind === "exited" && ending.exitStatus === 0)) {
        return undefined;
      }
      // An error answer without the tail is better than none.
      const stderrTail = await tailOf(result.error).catch(() => "");
      return { kind: "command_failed", ...about, status: failedStatus, stderrTail };
    }
  }
}

/** The sentence of a run that did not succeed. */
export function sentenceOf(failed: FailedRun): string {
  const { ending } = failed;
  switch (failed.kind) {
    case "result_truncated":
    case "result_unreadable":
      return failed.sentence;
    case "timed_out":
      return "The command ran longer than its time limit and was killed";
    case "command_not_started":
      return `The command could not be started${
        ending.kind === "not_started" ? `: ${ending.reason}` : ""
      }`;
    case "draining":
      return "The server is stopping and has killed the command";
    case "command_failed":
      if (ending.kind === "canceled") {
        return "The command was killed because its client disconnected";
      }
      return ending.kind === "signaled"
        ? `The command was killed by ${ending.signal}`
        : `The command exited with status ${ending.exitStatus}`;
  }
}

/** The problem of a result that does not have all of this output; undefined if it does. Closes nothing. */
export function faultIn(result: JobResult, output: OutputName): FailedRun | undefined {
  const { ending, data, message } = result;
  const about = { ending, metadata: metadataOf(result) };
  if (result[output].truncated) {
    const sentence = `The ${
      outputNames[output]
    } of the command is larger than JOBRUNNER_MAX_RESULT_BYTES, or the server has no disk space for it`;
    return { kind: "result_truncated", sentence, ...about };
  }
  if (output === "error" || !data.unreadable || message === undefined) return undefined;
  const sentence = `${message.charAt(0).toUpperCase()}${message.slice(1)}`;
  return { kind: "result_unreadable", sentence, ...about };
}

const outputNames: Readonly<Record<OutputName, string>> = {
  data: "response file",
  output: "standard output",
  error: "standard error",
};

/** What problem details say in addition. */
export function membersOf(failed: FailedRun): Readonly<Record<string, unknown>> {
  const { ending } = failed;
  return {
    exit_status: ending.exitStatus,
    ending: ending.kind,
    signal: "signal" in ending ? ending.signal : undefined,
    stderr_tail: failed.kind === "command_failed" ? failed.stderrTail : undefined,
  };
}

/** Most bytes of stderr in an error. */
const maxTailBytes = 4096;

/** The end of a capture as text. It begins with a whole character; what is not UTF-8 is replaced. */
async function tailOf(capture: Captured): Promise<string> {
  const length = capturedLength(capture);
  const from = Math.max(0, length - maxTailBytes);
  const tail = await bytesFrom(capture, from, length);
  let begin = 0;
  // At most three bytes of a character that begins before the tail.
  while (from > 0 && begin < 3 && ((tail[begin] ?? 0) & 0xc0) === 0x80) begin++;
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(tail.subarray(begin));
}

async function bytesFrom(
  { bytes, file }: Captured,
  from: number,
  to: number,
): Promise<Uint8Array<ArrayBuffer>> {
  if (!file) return bytes.subarray(from, to);
  const read = new Uint8Array(to - from);
  let length = 0;
  while (length < read.length) {
    const more = await file.read(from + length, read.subarray(length));
    if (more === 0) break;
    length += more;
  }
  return read.subarray(0, length);
}
