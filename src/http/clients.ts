/**
 * Detects clients that disconnect without the runtime noticing.
 *
 * From 2.8.3 to 2.9.6 at least, Deno does not look at a connection between the end of a body that came later than its
 * head and the answer, so the request's signal stays silent when the client goes. Here it is asked from time to time,
 * about requests that have been on their way for a while; a quick job is never asked about.
 *
 * @module
 */

import type { ClientAddress } from "../isolate/messages.ts";

/** See the module's head. */
export interface Clients {
  /** Calls `onGone`, once at most, when the client of a request has gone; not after what is returned was disposed of. */
  watch(address: () => ClientAddress | undefined, onGone: () => void): Disposable;
}

/** Polling interval; a disconnect is noticed within twice this time. */
const betweenLooksMs = 400;

/** Where a look takes long, because the machine has very many connections, it is taken less often: so many times what it took. */
const restPerLook = 10;

interface Watched {
  readonly address: () => ClientAddress | undefined;
  readonly onGone: () => void;
  /** It was there at the look before. */
  seen: boolean;
}

/**
 * `findGone` tells for each client whether its connection has gone; it must not reject. `later` calls after a number of
 * milliseconds, unless what it returns is called before. Disposed of, it looks no more.
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
      const client = { address, onGone, seen: false };
      watched.add(client);
      lookSoon();
      return { [Symbol.dispose]: () => void watched.delete(client) };
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
