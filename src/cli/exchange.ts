/**
 * One request of `jobrunner send`: its answer, or how far it came.
 *
 * @module
 */

import { atMost } from "../async/at_most.ts";
import { sizedBody } from "./sized_body.ts";

/** What is sent. */
export interface Outgoing {
  /** Where to. */
  readonly url: string;
  /** Beside the Content-Length. */
  readonly headers: Headers;
  /** The body, to be read once. */
  readonly body: AsyncIterable<Uint8Array<ArrayBuffer>>;
  /** Its length in bytes. */
  readonly length: number;
  /** Makes the connection. */
  readonly client: Deno.HttpClient;
}

/** How a request went. */
export type SendOutcome = ServerAnswer | NoAnswer;

/** A whole answer, or the head of one. */
export interface ServerAnswer {
  /** Tells it from none. */
  readonly kind: "answer";
  /** The status code. */
  readonly status: number;
  /** The text, of what is no result the beginning; undefined when that of a result broke off. */
  readonly body: string | undefined;
  /** What Retry-After says, in seconds. */
  readonly retryAfterSec: number;
  /** Where a redirect leads, as the server wrote it. */
  readonly location: string | undefined;
}

/** A connection that failed before an answer. */
export interface NoAnswer {
  /**
   * How far it came: there was no connection; it broke before the whole body had been handed to the runtime, so that no job
   * can have run; or after that, so that one may have.
   */
  readonly kind: "not_connected" | "not_sent" | "not_answered";
  /** The runtime's words. */
  readonly why: string;
  /** Bytes of the body that were handed over: what was sent is less by what buffers held. */
  readonly handedOver: number;
}

/** Sends a request once. */
export async function exchange(request: Outgoing): Promise<SendOutcome> {
  const answered = Promise.withResolvers<void>();
  const progress = { handedOver: 0 };
  const stream = ReadableStream.from(paced(request, progress, answered.promise));
  let response: Response;
  try {
    response = await fetch(request.url, {
      method: "POST",
      headers: request.headers,
      body: sizedBody(stream, request.length),
      // Not followed: the password is for this server alone.
      redirect: "manual",
      client: request.client,
    });
  } catch (error) {
    return noAnswer(error as Error, progress.handedOver, request.length);
  } finally {
    answered.resolve();
  }
  const body = response.status === 200
    ? await response.text().catch(() => undefined)
    : await wordsOf(response);
  return {
    kind: "answer",
    status: response.status,
    body,
    retryAfterSec: retryAfterOf(response.headers),
    location: response.headers.get("location") ?? undefined,
  };
}

/** The most of an answer that is no result that is read, in characters. */
const maxTextLength = 2 ** 16;

/** The text of an answer as far as it comes. */
async function wordsOf({ body }: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  try {
    for await (const piece of body ?? []) {
      text += decoder.decode(piece, { stream: true });
      if (text.length >= maxTextLength) break;
    }
  } catch {
    // The connection broke: what came is what there is.
  }
  return text;
}

/** A body up to here is sent at once, with the head. */
const maxAtOnceBytes = 2 ** 14;

/** The longest that the body is held back. */
const maxHoldMs = 100;

/** The rate at which the upload would take as long as it is held back, in bytes per millisecond. */
const holdRate = 20_000;

/**
 * The body, a large one a little later than its first piece, with which the head goes: a server that refuses it by its head has
 * answered by then. It may close the connection at once (Deno 2.7.11 does), and whoever is writing at that time does not get to
 * read the answer.
 */
async function* paced(
  { body, length }: Outgoing,
  progress: { handedOver: number },
  answered: Promise<void>,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let isHeldBack = length > maxAtOnceBytes;
  for await (const piece of body) {
    if (isHeldBack && progress.handedOver > 0) {
      isHeldBack = false;
      await atMost(Math.min(length / holdRate, maxHoldMs), answered);
    }
    progress.handedOver += piece.length;
    yield piece;
  }
}

/** The runtime tells how far it was only in its words. */
function noAnswer(error: Error, handedOver: number, length: number): NoAnswer {
  const { message } = error.cause instanceof Error ? error.cause : error;
  const [, stage, words] = /client error \((\w+)\): (.*)/s.exec(message) ?? [];
  return {
    kind: stage === "Connect" || handedOver === 0
      ? "not_connected"
      : handedOver < length
      ? "not_sent"
      : "not_answered",
    why: words ?? message,
    handedOver,
  };
}

/** Without a Retry-After that can be read. */
const defaultRetrySec = 1;

/** Upper limit for a server's Retry-After. */
const maxRetrySec = 3600;

/** Seconds, or a date (RFC 9110, section 10.2.3). */
function retryAfterOf(headers: Headers): number {
  const text = headers.get("retry-after") ?? "";
  const seconds = /^\d+$/.test(text) ? Number(text) : (Date.parse(text) - Date.now()) / 1000;
  return seconds > 0 ? Math.min(seconds, maxRetrySec) : defaultRetrySec;
}
