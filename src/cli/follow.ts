/**
 * Follows a job whose output comes live, as events in NDJSON.
 *
 * @module
 */

import { parseEvent, type ReceivedEvent } from "../wire/received_event.ts";
import { arrived, type ArrivingResult, note, noteDropped, writeStream } from "./deliver.ts";
import { answerOf, type ServerAnswer } from "./exchange.ts";
import { brokeOff, notResult } from "./no_result.ts";
import type { Progress } from "./progress.ts";
import { SendFailure } from "./send_failure.ts";

/** How a job ended that was followed: with a result, or with what an answer would have said in its place. */
export type Followed =
  | { readonly kind: "result"; readonly result: ArrivingResult }
  | ServerAnswer;

/** Media type of the events. */
export const eventsType = "application/x-ndjson";

/**
 * Writes the command's output to our own streams as it comes, until the job ends. `wantsData` is whether the response file goes
 * anywhere; `url` is for the sentences. Rejects with a `SendFailure` if a stream cannot be written, if the events break off or
 * are something else, or if a wanted response file is too large for an event.
 */
export async function follow(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  { url, wantsData, progress }: {
    readonly url: string;
    readonly wantsData: boolean;
    readonly progress: Progress;
  },
): Promise<Followed> {
  for await (const line of linesOf(body, url)) {
    const event = parseEvent(line);
    switch (event?.kind) {
      case undefined:
        throw notResult(url);
      case "queued":
        if (event.place > 0) progress.queued(event.place);
        break;
      case "started":
        progress.started();
        break;
      case "stdout":
      case "stderr":
        progress.makeRoom(event.bytes);
        await writeStream(event.kind === "stdout" ? Deno.stdout : Deno.stderr, event.bytes);
        break;
      case "progress":
        progress.reached(event.percent, event.text);
        break;
      case "truncated":
        progress.makeRoom(new Uint8Array());
        note(
          `${event.bytes} bytes of output are missing here: they came faster than they were read`,
        );
        break;
      case "exit":
        return { kind: "result", result: resultOf(event, wantsData) };
      case "error":
        return answerOf(event.status, event.problem, String(event.retryAfterSec ?? ""));
    }
  }
  throw brokeOff(url);
}

function resultOf(
  { result, data, dataBytes }: Extract<ReceivedEvent, { readonly kind: "exit" }>,
  wantsData: boolean,
): ArrivingResult {
  // The streams have been written, whatever the server kept of them.
  const truncated = result.truncated.filter((key) => key === "data" && data);
  if (data) return arrived({ ...result, truncated, data });
  if (wantsData) {
    throw new SendFailure(
      "noOutput",
      `the response file of ${dataBytes} bytes was too large to follow: send the job without --follow`,
    );
  }
  noteDropped(dataBytes);
  return arrived({ ...result, truncated });
}

/** Limit for one event, in characters: a response file of 1 MiB in base64 is a third of it. */
const maxLineLength = 2 ** 22;

async function* linesOf(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  url: string,
): AsyncGenerator<string> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read().catch(() => {
        throw brokeOff(url);
      });
      if (done) return;
      const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      yield* lines;
      if (rest.length > maxLineLength) throw notResult(url);
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}
