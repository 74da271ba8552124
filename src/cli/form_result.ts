/**
 * Reads a result that comes as a form: `multipart/form-data`, whose parts are `result`, `data`, `output` and `error`.
 *
 * @module
 */

import { createChannel } from "../async/channel.ts";
import { parseResultHead } from "../wire/client.ts";
import { type ArrivingPart, type ArrivingResult, isPartName } from "./deliver.ts";
import { brokeOff, notResult } from "./no_result.ts";

/** Limit for the part `result`, in characters. */
const maxHeadLength = 2 ** 20;

/**
 * Reads the beginning of a result; its parts are read as they arrive. `url` is for the sentences. Rejects, as reading its parts
 * does, with a `SendFailure` if the answer breaks off or is something else.
 */
export async function readFormResult(
  contentType: string,
  body: ReadableStream<Uint8Array>,
  url: string,
): Promise<ArrivingResult> {
  const parts = formParts(contentType, body, url);
  const { value: first } = await parts.next();
  const head = first?.name === "result" ? parseResultHead(await textOf(first)) : undefined;
  if (!head) {
    await parts.return(undefined);
    throw notResult(url);
  }
  return { ...head, parts: resultParts(parts, url) };
}

async function* resultParts(
  parts: AsyncIterable<RawPart>,
  url: string,
): AsyncGenerator<ArrivingPart> {
  const missing = new Set(["data", "output", "error"]);
  for await (const { name, bytes } of parts) {
    if (isPartName(name) && missing.delete(name)) yield { name, bytes };
    else for await (const _ of bytes);
  }
  if (missing.size > 0) throw notResult(url);
}

async function textOf({ bytes }: RawPart): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const piece of bytes) {
    if (text.length < maxHeadLength) text += decoder.decode(piece, { stream: true });
  }
  return text;
}

/** A part of a form. */
interface RawPart {
  readonly name: string | undefined;
  /** Must be read to its end before the next part comes. */
  readonly bytes: AsyncIterable<Uint8Array<ArrayBuffer>>;
}

async function* formParts(
  contentType: string,
  body: ReadableStream<Uint8Array>,
  url: string,
): AsyncGenerator<RawPart> {
  // In a binary, a CommonJS package that is loaded late has only this export.
  const { default: { Busboy } } = await import("@fastify/busboy");
  const parts = createChannel<RawPart>();
  const reader = body.getReader();
  let failure: Error | undefined;
  /** The part that arrives, or has arrived last. */
  let last: { destroy(error: Error): unknown } | undefined;
  const fail = (error: Error) => {
    failure ??= error;
    last?.destroy(failure);
    parts.close();
  };
  let parser;
  try {
    parser = new Busboy({ headers: { "content-type": contentType }, isPartAFile: () => true });
  } catch {
    throw notResult(url);
  }
  let isWhole = false;
  parser.on("file", (name, stream) => {
    // Without a listener, an error of a part that nobody reads would end the program.
    stream.on("error", () => {});
    last = stream;
    parts.send({ name, bytes: orFailure(stream, () => failure) });
  });
  parser.on("error", () => fail(isWhole ? brokeOff(url) : notResult(url)));
  parser.on("finish", () => parts.close());
  const feed = async () => {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      await new Promise<void>((resolve) => parser.write(value, () => resolve()));
    }
    isWhole = true;
    parser.end();
  };
  feed().catch(() => fail(brokeOff(url)));
  try {
    for (let part; (part = await parts.receive());) yield part;
    if (failure) throw failure;
  } finally {
    await reader.cancel().catch(() => {});
  }
}

/** Passes pieces on. An error of the stream becomes the failure that is known by then. */
async function* orFailure(
  stream: AsyncIterable<Uint8Array<ArrayBuffer>>,
  failure: () => Error | undefined,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  try {
    yield* stream;
  } catch (error) {
    throw failure() ?? error;
  }
}
