/**
 * Requests over a connection to NATS: all answers come through one subscription, each on a subject of its own. The library's own
 * requests take more time, and hold the memory of an answer until the next task, so that it could not be used again.
 *
 * @module
 */

import { type Incoming, LinkError } from "./link.ts";

/** Sends a message to a subject, with another one for the answer. Throws a `LinkError` if that is not possible. */
export type SendQuestion = (subject: string, reply: string) => void;

/** The requests that have no answer yet. */
export interface Requests {
  /** What the subscription for the answers is about. */
  readonly answers: string;
  /** Sends a request, and resolves with the answer. Rejects with a `LinkError`. */
  ask(
    subject: string,
    timeoutMs: number,
    send: SendQuestion,
  ): Promise<Uint8Array<ArrayBuffer>>;
  /** A message of the subscription has come. */
  received(message: Incoming): void;
  /** The server does not let this user publish to the subject: requests on it fail. */
  refused(subject: string): void;
  /** The connection was lost: all requests fail. */
  lost(): void;
}

interface Request {
  readonly subject: string;
  readonly resolve: (answer: Uint8Array<ArrayBuffer>) => void;
  readonly reject: (error: LinkError) => void;
  readonly timer: ReturnType<typeof setTimeout>;
}

/** There is no request yet. `inbox` is the beginning of the subjects for answers, and exclusive to these requests. */
export function createRequests(inbox: string): Requests {
  const prefix = `${inbox}.`;
  /** By the last token of the subjects for their answers. */
  const open = new Map<string, Request>();
  let made = 0;

  /** Ends a request; undefined if that was done before. */
  function end(token: string): Request | undefined {
    const request = open.get(token);
    if (!request) return undefined;
    open.delete(token);
    clearTimeout(request.timer);
    return request;
  }

  const noAnswer = (subject: string, reason: string) =>
    new LinkError("unavailable", `no answer on ${subject}: ${reason}`);

  return {
    answers: `${prefix}*`,
    ask: (subject, timeoutMs, send) =>
      new Promise((resolve, reject) => {
        const token = String(made++);
        const timer = setTimeout(() => {
          end(token)?.reject(noAnswer(subject, `within ${timeoutMs} ms`));
        }, timeoutMs);
        open.set(token, { subject, resolve, reject, timer });
        try {
          send(subject, prefix + token);
        } catch (error) {
          end(token)?.reject(error as LinkError);
        }
      }),
    received({ subject, data, status }) {
      const request = end(subject.slice(prefix.length));
      if (!request) return;
      if (status !== 503) return request.resolve(data);
      request.reject(new LinkError("no_responders", `nobody listens on ${request.subject}`));
    },
    refused(subject) {
      for (const [token, request] of open) {
        if (request.subject !== subject) continue;
        end(token)?.reject(
          new LinkError("refused", `the NATS user may not publish to ${subject}`),
        );
      }
    },
    lost() {
      for (const [token, { subject }] of open) {
        end(token)?.reject(noAnswer(subject, "the connection was lost"));
      }
    },
  };
}
