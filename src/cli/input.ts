/**
 * The payload of a request to be sent.
 *
 * @module
 */

import { SendFailure } from "./send_failure.ts";

/** The payload, which may have to be read more than once. */
export interface Input {
  /** Bytes. */
  readonly size: number;
  /** From its first byte. Rejects with a `SendFailure`. */
  open(): Promise<ReadableStream<Uint8Array>>;
}

/** `file` is a path, or `-` for standard input. Throws a `SendFailure`. */
export async function inputOf(file: string): Promise<Input> {
  const fail = (error: unknown): never => {
    throw new SendFailure("noInput", `${file}: cannot be read: ${(error as Error).message}`);
  };
  const open = async () => (await Deno.open(file)).readable;
  try {
    if (file === "-") return await kept(Deno.stdin.readable);
    const { isFile, isDirectory, size } = await Deno.stat(file);
    if (isDirectory) throw new Error("it is a folder");
    // Files of /proc say that they are empty.
    if (!isFile || size === 0) return await kept(await open());
    return { size, open: () => open().catch(fail) };
  } catch (error) {
    return fail(error);
  }
}

/** What can be read only once is kept for further tries. */
async function kept(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<Input> {
  const bytes = new Blob(await Array.fromAsync(stream));
  return { size: bytes.size, open: () => Promise.resolve(bytes.stream()) };
}

/** Reports an input that cannot be read to its end, or that has another size by now. */
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
