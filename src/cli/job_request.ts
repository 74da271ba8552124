/**
 * The requests that post a job: to `/run` as it is, or to `/payload` in JSON.
 *
 * @module
 */

import { basename } from "node:path";
import { createPayloadEncoder } from "../wire/client.ts";
import { eventsType } from "./follow.ts";
import { formContent, formType, type JobContent } from "./form_body.ts";
import { checkInput, type Input, inputOf, readingOf } from "./input.ts";
import type { SendOptions } from "./send_options.ts";

/** A request that posts a job. */
export interface JobRequest {
  /** URL that it is posted to, as it is shown. */
  readonly url: string;
  /** The query that is added to the URL. */
  readonly query: Readonly<Record<string, string>>;
  /** The value of Accept. */
  readonly accept: string;
  /** The body. */
  readonly content: JobContent;
}

/** The requests for one job. Disposing closes their files and removes what was kept of them. */
export interface JobRequests extends Disposable {
  /** The request to begin with. */
  readonly first: JobRequest;
  /** The request for the same job to a server that does not have the path of the first one; undefined if there is none. */
  readonly fallback: JobRequest | undefined;
}

/** Makes the requests, and opens or reads what they send. Rejects with a `SendFailure`. */
export async function requestsOf(options: SendOptions): Promise<JobRequests> {
  if (options.input.kind === "form") {
    const content = await formContent(options.input.fields);
    return {
      first: runRequest(options, content),
      fallback: undefined,
      [Symbol.dispose]: () => content[Symbol.dispose](),
    };
  }
  const input = await inputOf(options.input.path);
  const old = payloadRequest(options, input);
  return {
    first: options.json ? old : runRequest(options, fileContent(input, options.input.path)),
    fallback: options.json ? undefined : old,
    [Symbol.dispose]: () => input[Symbol.dispose](),
  };
}

/** The whole URL of a request. */
export function urlOf({ url, query }: JobRequest): string {
  const whole = new URL(url);
  const added = new URLSearchParams(query).toString();
  if (added !== "") whole.search += `${whole.search === "" ? "?" : "&"}${added}`;
  return whole.href;
}

/** A file as it is, with its name unless it is standard input. */
function fileContent(input: Input, path: string): JobContent {
  return {
    contentType: "application/octet-stream",
    ...(path === "-" ? {} : { contentDisposition: attachmentOf(basename(path)) }),
    length: input.size,
    check: () => checkInput(input),
    pieces: (onFailure) => readingOf(input, onFailure),
  };
}

/** A Content-Disposition that names a file (RFC 6266, with the encoding of RFC 8187). */
function attachmentOf(filename: string): string {
  const encoded = encodeURIComponent(filename.toWellFormed()).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16)}`,
  );
  return `attachment; filename*=UTF-8''${encoded}`;
}

/** The request to `/run`. */
function runRequest(
  { runUrl, id, timeoutSec, follow }: SendOptions,
  content: JobContent,
): JobRequest {
  const results = follow ? eventsType : formType;
  return {
    url: runUrl,
    query: { id, ...(timeoutSec === undefined ? {} : { timeout_sec: String(timeoutSec) }) },
    accept: `${results}, application/problem+json;q=0.9`,
    content,
  };
}

/** The request to `/payload`. */
function payloadRequest({ payloadUrl, id, timeoutSec }: SendOptions, input: Input): JobRequest {
  const encoder = () => createPayloadEncoder({ id, timeoutSec });
  return {
    url: payloadUrl,
    query: {},
    accept: "application/json, application/problem+json",
    content: {
      contentType: "application/json",
      length: encoder().bodyLength(input.size),
      check: () => checkInput(input),
      async *pieces(onFailure) {
        const utf8 = new TextEncoder();
        const { head, encode, end } = encoder();
        yield utf8.encode(head);
        for await (const bytes of readingOf(input, onFailure)) {
          yield utf8.encode(encode(bytes));
        }
        yield utf8.encode(end());
      },
    },
  };
}
