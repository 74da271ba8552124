/**
 * Live answers: the events of a job, sent as they happen. A client that reads them is a listener.
 *
 * A slow listener never slows a command: what it does not take in time is dropped and counted (`live_stream.ts`). A listener that
 * takes nothing for too long is given up.
 *
 * @module
 */

import type { Deadlines } from "../../async/deadlines.ts";
import type { LiveAnswer, LiveRequest, LiveTimeouts } from "./live_answer.ts";
import { openLiveStream } from "./live_stream.ts";

/** The largest number of listeners at the same time. */
export const maxListeners = 1000;

/** How long pieces of output are joined, in milliseconds. */
export const joinMs = 50;

/** After how long without an event something is sent all the same, in milliseconds: proxies break off a silent answer. */
export const heartbeatMs = 15_000;

/** Room for one listener. */
export interface ListenerPlace {
  /** Begins the answer, to be called at most once. The place is given back when the answer is over. */
  open(request: LiveRequest): LiveAnswer;
  /** Gives the place back without an answer. Idempotent; no effect after `open`. */
  release(): void;
}

/** See the module's head. */
export interface LiveAnswers {
  /** Takes room for one listener; undefined if there are `maxListeners` already. */
  admit(): ListenerPlace | undefined;
  /** Number of listeners, and of places for them that are taken. */
  readonly listeners: number;
  /** Number of answers that were given up. */
  readonly givenUp: number;
  /** Answers that begin from now on get these timeouts for listeners that take nothing; the others keep theirs. */
  setTimeouts(answer: Deadlines): void;
  /** Gives up all answers that are not sent yet. */
  giveUpAll(): void;
}

/** Creates what makes live answers. */
export function createLiveAnswers({ answer, ...others }: LiveTimeouts): LiveAnswers {
  const open = new Set<LiveAnswer>();
  let latest = answer;
  let listeners = 0;
  let givenUp = 0;

  function begin(request: LiveRequest): LiveAnswer {
    const answer = openLiveStream({
      format: request.format,
      requestId: request.requestId,
      onGone: () => request.onGone(),
      onHeld: (bytes) => request.onHeld(bytes),
      onGivenUp(cause) {
        givenUp++;
        request.onGivenUp(cause);
      },
      onOver() {
        open.delete(answer);
        listeners--;
        request.onOver();
      },
    }, { answer: latest, ...others });
    open.add(answer);
    return answer;
  }

  return {
    admit() {
      if (listeners >= maxListeners) return undefined;
      listeners++;
      let isTaken = true;
      return {
        open(request) {
          isTaken = false;
          return begin(request);
        },
        release() {
          if (isTaken) listeners--;
          isTaken = false;
        },
      };
    },
    get listeners() {
      return listeners;
    },
    get givenUp() {
      return givenUp;
    },
    setTimeouts(timeouts) {
      latest = timeouts;
    },
    giveUpAll() {
      for (const answer of [...open]) answer.giveUp("shutdown");
    },
  };
}
