/**
 * Fetches long contents from another machine in portions, with bounded memory.
 *
 * @module
 */

import { freeMemory } from "../async/bytes.ts";

/** Maximum length of a portion in bytes. */
export const maxChunk: number = 512 * 1024;

/** Bytes of a message that a portion leaves free. */
const spareBytes = 8 * 1024;

/** How many portions are asked for at once. */
const usualWindow = 4;

/** What is fetched, from where, and where it goes. */
export interface Fetching {
  /** Length of the content in bytes. */
  readonly length: number;
  /** Length of a portion in bytes, at least 1; the last one may be shorter. */
  readonly chunk: number;
  /** Maximum number of portions in memory: those that were asked for, and those that were not taken yet; 4 by default. */
  readonly window?: number;
  /** Asks for a portion. Portions may come in any order. */
  ask(at: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * Takes the next portion, in the order of the content. It is called again when its promise has resolved; then the memory of the
   * portion is freed.
   */
  take(piece: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Ends it early. */
  readonly signal?: AbortSignal;
}

/** Length of a portion, for messages of at most so many bytes. */
export function chunkSize(maxPayload: number): number {
  return Math.min(maxChunk, Math.max(maxPayload - spareBytes, Math.ceil(maxPayload / 2)));
}

/**
 * Fetches all of a content. Rejects with the first error of `ask` or `take`, if a portion has another length than was asked for,
 * and with the reason of the signal. After an error nothing more is asked for or taken, but a piece that is being taken is waited
 * for, so that its file can be closed.
 */
export async function fetchAll(fetching: Fetching): Promise<void> {
  const { length, chunk, window = usualWindow, signal } = fetching;
  /** Portions in their order; the first one stays here while it is taken. */
  const portions: PromiseWithResolvers<Uint8Array<ArrayBuffer>>[] = [];
  let failure: { readonly reason: unknown } | undefined;
  let asked = 0;

  function fail(reason: unknown): void {
    failure ??= { reason };
    for (const { reject } of portions) reject(failure.reason);
  }

  function askNext(): void {
    const at = asked;
    const wanted = Math.min(chunk, length - at);
    asked += wanted;
    const portion = Promise.withResolvers<Uint8Array<ArrayBuffer>>();
    // The failure of a portion that is not waited for yet is not unhandled.
    portion.promise.catch(() => {});
    portions.push(portion);
    fetching.ask(at, wanted).then((piece) => {
      if (piece.length === wanted) portion.resolve(piece);
      else fail(wrongLength(at, wanted, piece.length));
    }, fail);
  }

  const onAbort = () => fail(signal?.reason);
  signal?.throwIfAborted();
  signal?.addEventListener("abort", onAbort);
  try {
    for (;;) {
      while (asked < length && portions.length < window) askNext();
      const [first] = portions;
      if (!first) return;
      const piece = await first.promise;
      await fetching.take(piece);
      freeMemory(piece);
      if (failure) throw failure.reason;
      portions.shift();
    }
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
}

function wrongLength(at: number, wanted: number, length: number): Error {
  return new Error(
    `a portion of ${length} bytes at position ${at}: it must have ${wanted} bytes`,
  );
}
