/**
 * What the machines of a group need from the rest of the program: the commands of a pool, and room for what comes over the network.
 *
 * @module
 */

import type { Captured, DiskShare, JobInput, JobSpec, Names } from "../jobs/job.ts";
import type { Inbox } from "../spool/inbox.ts";
import type { PayloadSource } from "../spool/payload_source.ts";

/** One version of a command, for one job of another machine. */
export interface HostCommand {
  /** Number of the version. */
  readonly version: number;
  /** Makes the folder of the job. Rejects with errors of the file system. */
  openInbox(): Promise<Inbox>;
  /** To be called once, when the job is over. */
  release(): void;
}

/** A capture that comes from another machine, piece by piece. */
export interface CaptureSink {
  /** Takes the next piece. What cannot be kept is dropped with all that follows; then the capture is truncated. */
  write(piece: Uint8Array<ArrayBuffer>): Promise<void>;
  /** The capture. The caller closes its file. */
  captured(): Captured;
  /** Closes its file, if the capture is not wanted. Idempotent. */
  close(): void;
}

/** The memory and the disk space that a job of another machine holds on this one. */
export interface HostShare {
  /** Takes memory for a payload of this length; false if there is no room. */
  payload(bytes: number): boolean;
  /** The payload is no longer in memory. */
  payloadStored(): void;
  /** So many more bytes of output are in memory; fewer, if negative. */
  captured(bytes: number): void;
  /** The disk space. */
  readonly disk: DiskShare;
  /** Gives back everything. Idempotent. */
  release(): void;
}

/** What a pool of this machine offers. */
export interface PoolHost {
  /** The command with this name, which must be one of the pool's, in the version that holds now. */
  use(command: string): HostCommand;
  /** The names of a command and of the pool; undefined without a configuration file. */
  namesOf(command: string): Names | undefined;
  /** Digests of the texts of its commands, by name: those that it has. */
  readonly digests: Readonly<Record<string, string>>;
  /** Opens a payload, so that other machines can fetch it. Throws errors of the file system. */
  openPayload(input: JobInput): PayloadSource;
  /** Room for a job of another machine. */
  openShare(): HostShare;
  /** Keeps a capture of a job of this machine's client that ran on another one, as the job says. */
  keepCapture(
    spec: JobSpec,
    room: { readonly disk: DiskShare | undefined; onKept(bytes: number): void },
  ): CaptureSink;
}
