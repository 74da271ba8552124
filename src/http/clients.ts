/**
 * Detects client disconnects that the runtime does not report.
 *
 * If a body arrives later than its head, Deno (2.8.3 to at least 2.9.6) does not watch the connection between the end of the
 * body and the answer, so the request's signal is not aborted when the client disconnects. This module therefore polls the
 * connections of requests that have been in flight for a while; a quick job is never polled.
 *
 * @module
 */

import type { ClientAddress } from "../isolate/messages.ts";

/** See the module's head. */
export interface Clients {
  /** Calls `onGone` at most once, when the client has disconnected, and never after the returned watch was disposed of. */
  watch(address: () => ClientAddress | undefined, onGone: () => void): Disposable;
}

/** Polling interval; a disconnect is noticed within twice this time. */
const betweenLooksMs = 400;

/**
 * Polls are rarer where one takes long, because the machine has very many connections: the pause before the next one is at
 * least this many times the duration of the last one.
 */
const restPerLook = 10;

/** A class, because one is created for every job. */
class Watched implements Disposable {
  /** It was already watched at the previous poll. */
  seen = false;
  readonly #all: Set<Watched>;

  constructor(
    all: Set<Watched>,
    readonly address: () => ClientAddress | undefined,
    readonly onGone: () => void,
  ) {
    this.#all = all;
    all.add(this);
  }

  [Symbol.dispose](): void {
    this.#all.delete(this);
  }
}

/**
 * Creates the watcher; it stops polling when disposed of. `findGone` reports for each client whether it has disconnected;
 * it must not reject. `later` calls a function after a number of milliseconds, unless the function that it returns is
 * called first.
 */
export function createClients(
  findGone: (clients: readonly ClientAddress[]) => Promise<readonly boolean[]>,
  later: (look: () => void, ms: number) => () => void = afterMs,
): Clients & Disposable {
  const watched = new Set<Watched>();
  let looking = false;
  let lookedForMs = 0;
  let cancelLook = () => {};

  async function look(): Promise<void> {
    const asked: (readonly [Watched, ClientAddress])[] = [];
    for (const client of watched) {
      const address = client.seen ? client.address() : undefined;
      if (address) asked.push([client, address]);
      client.seen = true;
    }
    const startedAt = performance.now();
    const gone = asked.length === 0 ? [] : await findGone(asked.map(([, address]) => address));
    lookedForMs = performance.now() - startedAt;
    asked.forEach(([client], index) => {
      if (gone[index] && watched.delete(client)) client.onGone();
    });
  }

  function lookSoon(): void {
    if (looking || watched.size === 0) return;
    looking = true;
    cancelLook = later(async () => {
      await look();
      looking = false;
      lookSoon();
    }, Math.max(betweenLooksMs, restPerLook * lookedForMs));
  }

  return {
    watch(address, onGone) {
      const client = new Watched(watched, address, onGone);
      lookSoon();
      return client;
    },
    [Symbol.dispose]() {
      watched.clear();
      cancelLook();
    },
  };
}

function afterMs(look: () => void, ms: number): () => void {
  const timer = setTimeout(look, ms);
  return () => clearTimeout(timer);
}
