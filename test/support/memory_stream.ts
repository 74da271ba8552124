/**
 * A stream of messages and its consumer, in memory, with the rules that NATS has for them.
 *
 * @module
 */

import { type Incoming, offerOf, type StreamSettings } from "../../src/cluster/link.ts";
import type { Clock } from "./virtual_clock.ts";

/** What a stream needs from its server. */
export interface StreamServer {
  readonly clock: Clock;
  /** Whether somebody seems to listen on this subject. */
  listens(subject: string): boolean;
  /** Sends a message to a subject, which need not be its own. */
  send(to: string, message: Incoming): void;
}

/** A stream, as the module's docstring describes it. */
export interface MemoryStream {
  /** How it is; they may be changed. */
  settings: StreamSettings;
  /** Number of messages. */
  readonly size: number;
  /** Puts a message in, and returns its number; undefined if there is no room. */
  store(id: string, data: Uint8Array<ArrayBuffer>): number | undefined;
  /** Content of a message; undefined if there is none with this number. */
  read(sequence: number): Uint8Array<ArrayBuffer> | undefined;
  /** Takes a message out; returns whether it was there. */
  remove(sequence: number): boolean;
  /** Asks for one message. */
  pull(inbox: string, expiresMs: number): void;
  /** Takes an acknowledgement. */
  acknowledge(subject: string, how: string): void;
  /** The server begins anew: it forgets pulls, and ids of messages that have left. */
  restart(): void;
  /** Ends its timers. */
  close(): void;
}

interface Stored {
  readonly sequence: number;
  readonly data: Uint8Array<ArrayBuffer>;
  attempts: number;
  /** Ends the time after which it is offered again; undefined if it is not offered to anybody. */
  stop: (() => void) | undefined;
}

interface Pull {
  readonly inbox: string;
  readonly stop: () => void;
}

/** For how long an id is remembered, in milliseconds. */
const duplicateWindowMs = 120_000;

/** Makes an empty stream. */
export function createMemoryStream(first: StreamSettings, server: StreamServer): MemoryStream {
  const { clock } = server;
  let settings = first;
  const messages = new Map<number, Stored>();
  const ids = new Map<string, { readonly sequence: number; readonly at: number }>();
  const pulls = new Set<Pull>();
  /** Messages that are to be offered again, before all others. */
  let again: Stored[] = [];
  /** Numbers of the message that was stored last, of the one that was offered last for the first time, and of the last offer. */
  let [stored, offered, offers] = [0, 0, 0];

  function next(): Stored | undefined {
    if (again[0]) return again[0];
    for (let sequence = offered + 1; sequence <= stored; sequence++) {
      const fresh = messages.get(sequence);
      if (fresh) return fresh;
    }
    return undefined;
  }

  /** The oldest pull; those whose inbox nobody listens to are forgotten. */
  function takePull(): Pull | undefined {
    for (const pull of pulls) {
      pulls.delete(pull);
      pull.stop();
      if (server.listens(pull.inbox)) return pull;
    }
    return undefined;
  }

  function offerAll(): void {
    for (let message = next(); message; message = next()) {
      const pull = takePull();
      if (!pull) return;
      if (message === again[0]) again.shift();
      else offered = message.sequence;
      message.attempts++;
      offerAgainAfter(message, settings.ackWaitMs);
      server.send(pull.inbox, {
        subject: settings.subject,
        reply: ackSubject(message),
        data: message.data,
        status: 0,
      });
    }
  }

  function ackSubject({ sequence, attempts }: Stored): string {
    const pending = [...messages.values()].filter((message) => message.attempts === 0).length;
    return `$JS.ACK.${settings.stream}.w.${attempts}.${sequence}.${++offers}.${clock.now()}.${pending}`;
  }

  function offerAgain(message: Stored): void {
    message.stop?.();
    message.stop = undefined;
    again.push(message);
    offerAll();
  }

  function offerAgainAfter(message: Stored, ms: number): void {
    message.stop?.();
    message.stop = clock.after(ms, () => offerAgain(message));
  }

  function remove(sequence: number): boolean {
    messages.get(sequence)?.stop?.();
    again = again.filter((message) => message.sequence !== sequence);
    return messages.delete(sequence);
  }

  return {
    get settings() {
      return settings;
    },
    set settings(changed) {
      settings = changed;
    },
    get size() {
      return messages.size;
    },
    store(id, data) {
      const known = ids.get(id);
      if (known && clock.now() - known.at < duplicateWindowMs) return known.sequence;
      if (messages.size >= settings.maxMessages) return undefined;
      const sequence = ++stored;
      ids.set(id, { sequence, at: clock.now() });
      messages.set(sequence, { sequence, data: data.slice(), attempts: 0, stop: undefined });
      offerAll();
      return sequence;
    },
    read: (sequence) => messages.get(sequence)?.data.slice(),
    remove,
    pull(inbox, expiresMs) {
      const stop = clock.after(expiresMs, () => {
        pulls.delete(pull);
        server.send(inbox, { subject: inbox, reply: "", data: new Uint8Array(), status: 408 });
      });
      const pull = { inbox, stop };
      pulls.add(pull);
      offerAll();
    },
    acknowledge(subject, how) {
      const { sequence } = offerOf(subject) ?? { sequence: 0 };
      const message = messages.get(sequence);
      if (how === "+ACK" || how === "+TERM") remove(sequence);
      // One whose time is over is no longer anybody's.
      else if (!message?.stop) return;
      else if (how === "+WPI") offerAgainAfter(message, settings.ackWaitMs);
      else if (how === "-NAK") offerAgain(message);
      else offerAgainAfter(message, JSON.parse(how.slice("-NAK ".length)).delay / 1e6);
    },
    restart() {
      for (const pull of pulls) pull.stop();
      pulls.clear();
      for (const [id, { sequence }] of ids) {
        if (!messages.has(sequence)) ids.delete(id);
      }
    },
    close() {
      for (const { stop } of [...pulls, ...messages.values()]) stop?.();
    },
  };
}
