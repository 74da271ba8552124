/**
 * Reads the payload of a request.
 *
 * @module
 */

import { holdBytes } from "./held_bytes.ts";
import { SendFailure } from "./send_failure.ts";

/** A payload, which may have to be read more than once. Disposing removes what was kept of it. */
export interface Input extends Disposable {
  /** Length in bytes. */
  readonly size: number;
  /** Opens the payload at its first byte. Rejects with a `SendFailure`. */
  open(): Promise<ReadableStream<Uint8Array<ArrayBuffer>>>;
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
    return { size, open: () => open().catch(fail), [Symbol.dispose]() {} };
  } catch (error) {
    return fail(error);
  }
}

/** Keeps a payload that can be read only once: its length must be known before it is sent, and retries read it again. */
async function kept(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<Input> {
  const held = holdBytes();
  try {
    for await (const piece of stream) await held.write(piece);
  } catch (error) {
    held[Symbol.dispose]();
    throw error;
  }
  return {
    size: held.size,
    open: () => Promise.resolve(ReadableStream.from(held.pieces())),
    [Symbol.dispose]: () => held[Symbol.dispose](),
  };
}

/**
 * Reads an input from its first byte. Calls `onFailure` before it throws because the input cannot be opened or read to its end,
 * or no longer has its size.
 */
export async function* readingOf(
  input: Input,
  onFailure: (failure: SendFailure) => void,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const changed = () =>
    new SendFailure("noInput", `the input changed while it was sent: it had ${input.size} bytes`);
  try {
    let left = input.size;
    for await (const piece of await input.open()) {
      left -= piece.length;
      if (left < 0) throw changed();
      yield piece;
    }
    if (left > 0) throw changed();
  } catch (error) {
    const failure = error instanceof SendFailure
      ? error
      : new SendFailure("noInput", `the input cannot be read: ${(error as Error).message}`);
    onFailure(failure);
    throw failure;
  }
}

/** Rejects with a `SendFailure` if an input cannot be opened now. */
export async function checkInput(input: Input): Promise<void> {
  await (await input.open()).cancel();
}
