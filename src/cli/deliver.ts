/**
 * Writes a result to where it belongs.
 *
 * @module
 */

import type { ReceivedHead, ReceivedResult } from "../wire/client.ts";
import type { IncomingFile, OutputFile } from "./output_file.ts";
import { type ByteWriter, writeAll } from "./output_target.ts";
import { SendFailure } from "./send_failure.ts";

/** Name of a part of a result that is bytes: the response file, standard output or standard error. */
export type ArrivingPartName = "data" | "output" | "error";

const partNames: readonly ArrivingPartName[] = ["data", "output", "error"];

/** The bytes of a result with one of these names. */
export interface ArrivingPart {
  /** Its name. */
  readonly name: ArrivingPartName;
  /** Must be read to its end before the next part comes. */
  readonly bytes: AsyncIterable<Uint8Array<ArrayBuffer>>;
}

/** A result whose bytes arrive in parts, each at most once. */
export interface ArrivingResult extends ReceivedHead {
  /** The parts. */
  readonly parts: AsyncIterable<ArrivingPart>;
}

/** Whether a text is the name of a part. */
export function isPartName(text: string | undefined): text is ArrivingPartName {
  return partNames.some((name) => name === text);
}

/** A result that has arrived as a whole. */
export function arrived(
  result: ReceivedHead & Partial<Pick<ReceivedResult, ArrivingPartName>>,
): ArrivingResult {
  async function* parts() {
    for (const name of partNames) {
      const bytes = result[name];
      if (bytes) yield await Promise.resolve({ name, bytes: ReadableStream.from([bytes]) });
    }
  }
  return { ...result, parts: parts() };
}

/**
 * Writes a result as it arrives. The command's streams must not be lost because of an output file that cannot be written, nor
 * the file because of a stream: what cannot be written is read nevertheless, and the failure comes last. The response file is put
 * in its place when everything has arrived. Rejects with a `SendFailure`.
 */
export async function deliver(
  { parts, truncated }: ArrivingResult,
  output: OutputFile | undefined,
): Promise<void> {
  using opened = new DisposableStack();
  let incoming: IncomingFile | undefined;
  const streams = firstFailure();
  const file = firstFailure();
  for await (const { name, bytes } of parts) {
    if (name !== "data") {
      const stream = name === "output" ? Deno.stdout : Deno.stderr;
      await streams.orRead(bytes, (piece) => writeStream(stream, piece));
    } else if (output) {
      await file.orRead(bytes, async (piece) => {
        incoming ??= opened.use(output.receive());
        await incoming.write(piece);
      });
    } else await drop(bytes, streams);
  }
  await streams.or(() => {
    for (const key of truncated) note(`${key} was truncated by the server's limit`);
  });
  await file.or(async () => {
    // Also an empty response file is written.
    incoming ??= output && opened.use(output.receive());
    await incoming?.commit();
  });
  const failure = file.failure ?? streams.failure;
  if (failure !== undefined) throw failure;
}

/** Writes to one of our own streams. Rejects with a `SendFailure`. */
export async function writeStream(stream: ByteWriter, bytes: Uint8Array): Promise<void> {
  try {
    await writeAll(stream, bytes);
  } catch (error) {
    throw new SendFailure(
      "noOutput",
      `stdout or stderr: cannot be written: ${(error as Error).message}`,
    );
  }
}

/** Says on standard error that a response file was not written anywhere. */
export function noteDropped(bytes: number): void {
  if (bytes > 0) note(`the response file of ${bytes} bytes was dropped: name a file with --output`);
}

/** Writes a line about the result to standard error. */
export function note(sentence: string): void {
  console.error(`jobrunner send: ${sentence}`);
}

async function drop(bytes: ArrivingPart["bytes"], streams: FirstFailure): Promise<void> {
  let length = 0;
  for await (const piece of bytes) length += piece.length;
  await streams.or(() => noteDropped(length));
}

/** Remembers the first failure of several steps. */
interface FirstFailure {
  readonly failure: unknown;
  /** Does a step, unless one has failed. */
  or(step: () => Promise<void> | void): Promise<void>;
  /** Does a step with each piece until one fails, and reads the others. */
  orRead(
    bytes: ArrivingPart["bytes"],
    step: (piece: Uint8Array<ArrayBuffer>) => Promise<void>,
  ): Promise<void>;
}

function firstFailure(): FirstFailure {
  let failure: unknown;
  const or: FirstFailure["or"] = async (step) => {
    if (failure !== undefined) return;
    try {
      await step();
    } catch (error) {
      failure = error;
    }
  };
  return {
    get failure() {
      return failure;
    },
    or,
    async orRead(bytes, step) {
      for await (const piece of bytes) await or(() => step(piece));
    },
  };
}
