/**
 * Sends one request for `jobrunner send`. The outcome is the answer, or how far the request got.
 *
 * @module
 */

import { atMost } from "../async/at_most.ts";
import { parseProblem, type ReceivedProblem } from "../wire/client.ts";
import { sizedBody } from "./sized_body.ts";

/** A request to send. */
export interface Outgoing {
  /** URL that it is posted to. */
  readonly url: string;
  /** All headers except Content-Length. */
  readonly headers: Headers;
  /** The body, which can be read once. */
  readonly body: AsyncIterable<Uint8Array<ArrayBuffer>>;
  /** Length of the body in bytes. */
  readonly length: number;
  /** The client that makes the connection. */
  readonly client: Deno.HttpClient;
}

/** The outcome of a request. */
export type SendOutcome = Answered | NoResult;

/** The beginning of an answer with status 200. */
export interface Answered {
  /** Distinguishes it from a refusal. */
  readonly kind: "answered";
  /** The answer, whose body has not been read. */
  readonly response: Response;
}

/** The outcome of a request without a result. */
export type NoResult = ServerAnswer | NoAnswer;

/** An answer of the server with another status than 200, or an event that reports one. */
export interface ServerAnswer {
  /** Distinguishes an answer from a failed connection. */
  readonly kind: "answer";
  /** The status code. */
  readonly status: number;
  /** The beginning of the text, or the sentence of the problem. */
  readonly body: string;
  /** The kind of the problem, as a jobrunner names it; undefined in the answer of another server. */
  readonly code: string | undefined;
  /** The value of Retry-After in seconds, within bounds. */
  readonly retryAfterSec: number;
  /** Target of a redirect, as the server wrote it. */
  readonly location: string | undefined;
}

/** A connection that failed before an answer. */
export interface NoAnswer {
  /**
   * How far the request got. `not_connected`: there was no connection. `not_sent`: the connection broke before the whole body had
   * been handed to the runtime, so no job can have run. `not_answered`: it broke after that, so a job may have run.
   */
  readonly kind: "not_connected" | "not_sent" | "not_answered";
  /** The message of the runtime. */
  readonly why: string;
  /** Number of bytes of the body that were handed to the runtime; fewer may have been sent, since buffers hold some. */
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
      // Without a body that is there, an empty one has no Content-Length.
      body: request.length === 0 ? new Uint8Array() : sizedBody(stream, request.length),
      // Redirects are not followed: the password or the token is only for this server.
      redirect: "manual",
      client: request.client,
    });
  } catch (error) {
    return noAnswer(error as Error, progress.handedOver, request.length);
  } finally {
    answered.resolve();
  }
  if (response.status === 200) return { kind: "answered", response };
  const text = await textOf(response);
  return {
    ...answerOf(response.status, parseProblem(text), response.headers.get("retry-after"), text),
    location: response.headers.get("location") ?? undefined,
  };
}

/** Makes the answer of a status, a problem and a Retry-After; without a problem, `text` is its body. */
export function answerOf(
  status: number,
  problem: ReceivedProblem | undefined,
  retryAfter: string | null,
  text = "",
): ServerAnswer {
  return {
    kind: "answer",
    status,
    body: problem?.detail ?? text,
    code: problem?.code,
    retryAfterSec: secondsOf(retryAfter ?? ""),
    location: undefined,
  };
}

/** How much is read of an answer that is not a result, in characters. */
const maxTextLength = 2 ** 16;

/** The text of an answer up to the limit, or as far as it arrives. */
async function textOf({ body }: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  try {
    for await (const piece of body ?? []) {
      text += decoder.decode(piece, { stream: true });
      if (text.length >= maxTextLength) break;
    }
  } catch {
    // The connection broke: the text so far is kept.
  }
  return text;
}

/** A body up to this size is sent at once, together with the head. */
const maxAtOnceBytes = 2 ** 14;

/** The longest time for which the body is held back. */
const maxHoldMs = 100;

/** The body is held back for its length divided by this rate, in bytes per millisecond. */
const holdRate = 20_000;

/**
 * The body. After the first piece, which is sent with the head, the rest of a large body is held back for a moment: by then, a
 * server that refuses the request because of its head has answered. Such a server may close the connection at once (Deno 2.7.11
 * does), and a client that is still writing then cannot read the answer.
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

/** Finds out how far the request got. The runtime reports it only in the text of its message. */
function noAnswer(error: Error, handedOver: number, length: number): NoAnswer {
  const { message } = error.cause instanceof Error ? error.cause : error;
  const [, stage, reason] = /client error \((\w+)\): (.*)/s.exec(message) ?? [];
  return {
    kind: stage === "Connect" || handedOver === 0 && length > 0
      ? "not_connected"
      : handedOver < length
      ? "not_sent"
      : "not_answered",
    why: reason ?? message,
    handedOver,
  };
}

/** Used if there is no valid Retry-After. */
const defaultRetrySec = 1;

/** Upper limit for a server's Retry-After. */
const maxRetrySec = 3600;

/** Reads Retry-After: seconds or a date (RFC 9110, section 10.2.3). */
function secondsOf(text: string): number {
  const seconds = /^\d+$/.test(text) ? Number(text) : (Date.parse(text) - Date.now()) / 1000;
  return seconds > 0 ? Math.min(seconds, maxRetrySec) : defaultRetrySec;
}
