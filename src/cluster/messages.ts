/**
 * What machines say to each other about jobs, as data. `codec.ts` makes messages of it and reads them.
 *
 * @module
 */

import type { Ending, JobSpec, RunFailure } from "../jobs/job.ts";

/** A payload, without its bytes. */
export type PayloadForm =
  | { readonly kind: "bytes" | "file"; readonly length: number }
  | {
    /** The files of a form: their contents follow each other, and the text of `parts.json` follows them. */
    readonly kind: "parts";
    /** Lengths in bytes of the files, in their order. */
    readonly lengths: readonly number[];
    /** Length in bytes of the text of `parts.json`. It can be longer than a message. */
    readonly listLength: number;
  };

/** Length of a payload in bytes. */
export function payloadLength(payload: PayloadForm): number {
  return payload.kind === "parts"
    ? payload.lengths.reduce((sum, length) => sum + length, payload.listLength)
    : payload.length;
}

/** A job on its way to a machine. */
export interface JobMessage {
  /** Version of the protocol. */
  readonly proto: number;
  /** The machine that has the client. */
  readonly front: string;
  /** The job, without its payload and without what only its machine knows. */
  readonly spec: Omit<JobSpec, "input" | "version">;
  /** Its payload. */
  readonly payload: PayloadForm;
  /** Whether the front must be asked before the run. */
  readonly claimFirst: boolean;
}

/** A job that came in. */
export interface ReceivedJob extends JobMessage {
  /** The bytes of its payload, in the memory of the message; undefined if they are to be fetched from the front. */
  readonly inline: Uint8Array<ArrayBuffer> | undefined;
}

/** A capture, without its bytes. */
export interface CaptureForm {
  /** Length in bytes. */
  readonly length: number;
  /** As in `Captured`. */
  readonly truncated: boolean;
  /** As in `Captured`. */
  readonly unreadable?: true;
}

/** Names of the captures of a result, in the order of their bytes. */
export const captureNames = ["output", "error", "data"] as const;

/** Name of a capture of a result. */
export type CaptureOf = (typeof captureNames)[number];

/** Numbers of bytes that a command has written. */
export interface StreamTotals {
  /** To its standard output. */
  readonly stdout: number;
  /** To its standard error. */
  readonly stderr: number;
}

/** The outcome of a job on another machine: its result without the bytes, or why there is none. */
export type RemoteOutcome =
  | {
    readonly kind: "ran";
    readonly workerId: number;
    readonly ending: Ending;
    readonly elapsedSec: number;
    readonly pid?: number;
    readonly warm?: boolean;
    readonly processJobs?: number;
    readonly message?: string;
    /** With live output: how many bytes of each stream were sent, those that were lost included. */
    readonly live?: StreamTotals;
    readonly captures: Readonly<Record<CaptureOf, CaptureForm>>;
  }
  | { readonly kind: "failed"; readonly failure: RunFailure };

/** The outcome of a job on its way to the front. */
export interface ResultMessage {
  /** Unique name of the job. */
  readonly uid: string;
  /** The machine that ran it. */
  readonly node: string;
  /** How often the message of the job was offered to it. */
  readonly attempt: number;
  /** The outcome. */
  readonly outcome: RemoteOutcome;
}

/** Length in bytes of all captures of an outcome. */
export function capturesLength(outcome: RemoteOutcome): number {
  if (outcome.kind === "failed") return 0;
  return captureNames.reduce((sum, name) => sum + outcome.captures[name].length, 0);
}

/** An outcome that came in. */
export interface ReceivedOutcome extends ResultMessage {
  /**
   * The bytes of the captures one after the other, in the memory of the message; undefined if they are to be fetched from the
   * machine that ran it.
   */
  readonly inline: Uint8Array<ArrayBuffer> | undefined;
}

/** A machine asks about a job: whether it may run it (`started`: it has begun already), or gives it back. */
export interface JobQuestion {
  /** Unique name of the job. */
  readonly uid: string;
  /** The machine that asks. */
  readonly node: string;
  /** How often the message of the job was offered to it. */
  readonly attempt: number;
}

/** `run`: it may; `held`: another machine has the job, it is to be given back; `gone`: nobody needs it any more. */
export type ClaimAnswer = "run" | "held" | "gone";

/** The front of a job wants its run to end. */
export interface Cancel {
  /** Unique name of the job. */
  readonly uid: string;
  /** Why. */
  readonly cause: "canceled" | "shutdown";
}

/** What becomes of a result: the front has taken it, or nobody needs it any more. */
export type ResultReply = "taken" | "gone";

/** A machine asks for a part of a payload or of a capture. */
export interface Portion {
  /** Unique name of the job. */
  readonly uid: string;
  /** What is asked for. */
  readonly of: "payload" | CaptureOf;
  /** Position of its first byte. */
  readonly at: number;
  /** Number of bytes, at most `maxChunk`. */
  readonly length: number;
}

/** An event of live output, without its bytes. */
export type OutputMessage =
  & {
    /** Unique name of the job. */
    readonly uid: string;
    /** The machine that runs it. */
    readonly node: string;
  }
  & (
    | {
      /** The command has started. */
      readonly kind: "started";
      /** The worker and the command's process. */
      readonly worker: { readonly id: number; readonly pid: number };
    }
    | {
      /** The command wrote bytes to a stream. */
      readonly kind: "stdout" | "stderr";
      /** How many bytes it had written to it before. More than have come: those between were lost. */
      readonly at: number;
    }
  );

/** An event of live output that came in. */
export type ReceivedOutput = OutputMessage & {
  /** The bytes, in the memory of the message; empty if the command has started. */
  readonly bytes: Uint8Array<ArrayBuffer>;
};
