/**
 * Reads the payload of a request.
 *
 * @module
 */

import { SendFailure } from "./send_failure.ts";

/** A payload, which may have to be read more than once. */
export interface Input {
  /** Length in bytes. */
  readonly size: number;
  /** Opens the payload at its first byte. Rejects with a `SendFailure`. */
  open(): Promise<ReadableStream<Uint8Array>>;
}

/** Makes an input of a file; `file` is a path, or `-` for standard input. Rejects with a `SendFailure`. */
export async function inputOf(file: string): Promise<Input> {
  const fail = (error: unknown): never => {
    throw new SendFailure("noInput", `${file}: cannot be read: ${(error as Error).message}`);
  };
  const open = async () => (await Deno.open(file)).readable;
  try {
    if (file === "-") return await kept(Deno.stdin.readable);
    const { isFile, isDirectory, size } = await Deno.stat(file);
    if (isDirectory) throw new Error("it is a folder");
    // Files in /proc report a size of 0.
    if (!isFile || size === 0) return await kept(await open());
    return { size, open: () => open().catch(fail) };
  } catch (error) {
    return fail(error);
  }
}

/** Keeps a payload in memory that can be read only once, for retries. */
async function kept(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<Input> {
  const bytes = new Blob(await Array.fromAsync(stream));
  return { size: bytes.size, open: () => Promise.resolve(bytes.stream()) };
}

/** Passes a stream on. Calls `onFailure` if it cannot be read to its end, or if it no longer has the given size. */
export function readingOf(
  stream: ReadableStream<Uint8Array>,
  size: number,
  onFailure: (failure: SendFailure) => void,
): ReadableStream<Uint8Array> {
  const reader = stream.getReader();
  let canceled = false;
  let length = 0;
  return new ReadableStream({
    async pull(controller) {
      let part: ReadableStreamReadResult<Uint8Array>;
      try {
        part = await reader.read();
      } catch (error) {
        if (canceled) return;
        onFailure(
          new SendFailure("noInput", `the input cannot be read: ${(error as Error).message}`),
        );
        throw error;
      }
      if (canceled) return;
      length += part.value?.length ?? 0;
      if (length > size || (part.done && length < size)) {
        const failure = new SendFailure(
          "noInput",
          `the input changed while it was sent: it had ${size} bytes`,
        );
        onFailure(failure);
        throw failure;
      }
      if (part.done) controller.close();
      else controller.enqueue(part.value);
    },
    cancel(reason) {
      canceled = true;
      return reader.cancel(reason);
    },
  });
}
