/**
 * A request that a test sends piece by piece.
 *
 * @module
 */

import { say, wholeAnswer, write } from "./client.ts";

/** A request whose head is sent. */
export interface HalfSent extends Disposable {
  /** Sends a part of the body. */
  write(bytes: string | Uint8Array): Promise<void>;
  /** Sends so many chunks of so many bytes. */
  chunks(count: number, bytes: number): Promise<void>;
  /** Resolves with the answer, or what came of it before the connection ended; a 100 is skipped. */
  answer(): Promise<string>;
}

/** Begins a request; `head` holds its header lines besides Host. Disposing of it closes the connection. */
export async function beginPost(
  url: string,
  path: string,
  head: readonly string[],
): Promise<HalfSent> {
  const lines = [`POST ${path} HTTP/1.1`, "Host: localhost", ...head, "", ""];
  const connection = await say(url, lines.join("\r\n"));
  return {
    write: (bytes) => write(connection, bytes),
    chunks: (count, bytes) =>
      write(connection, `${bytes.toString(16)}\r\n${" ".repeat(bytes)}\r\n`.repeat(count)),
    answer: () => wholeAnswer(connection),
    [Symbol.dispose]() {
      try {
        connection.close();
      } catch {
        // It is closed already.
      }
    },
  };
}

/** Begins a request whose body has no length and comes in chunks. */
export function beginChunked(url: string, path: string): Promise<HalfSent> {
  return beginPost(url, path, ["Transfer-Encoding: chunked"]);
}
