/**
 * A client that keeps its connection, with as much of HTTP/1.1 as repeating one request needs.
 *
 * `fetch` would do, but it costs several times the CPU of this, and on a machine with few cores
 * the CPU that the clients use is lost to the server.
 *
 * @module
 */

import { type Answer, receiveAnswer } from "./answer.ts";

export type { Answer } from "./answer.ts";

/** Where a server listens. Loads may use the network there and nowhere else. */
export interface Address {
  /** An IP address of the loopback network, without brackets. */
  readonly hostname: string;
  /** TCP port. */
  readonly port: number;
}

/** A connection to the server. Disposing of it closes the connection. */
export interface Client extends Disposable {
  /**
   * Sends a whole request and waits for the whole answer, whose body is valid until the next call.
   * After it has thrown, the connection cannot be used any more.
   */
  exchange(request: Uint8Array): Promise<Answer>;
}

/** Enough for the answers of small jobs, which have some 200 bytes, and for a page of metrics. */
const smallAnswerBytes = 256 * 1024;

/** Connects; connects again when the server has closed the connection after an answer. */
export async function connect(
  { hostname, port }: Address,
  { maxAnswerBytes = smallAnswerBytes }: { readonly maxAnswerBytes?: number } = {},
): Promise<Client> {
  const open = async () => {
    const connection = await Deno.connect({ hostname, port });
    // Every request is written at once and answered before the next: nothing to gather.
    connection.setNoDelay();
    return connection;
  };
  let connection: Deno.TcpConn | undefined = await open();
  const buffer = new Uint8Array(maxAnswerBytes);

  async function read(length: number): Promise<number> {
    if (length === buffer.length) throw new Error("the answer is too long");
    const more = await connection?.read(buffer.subarray(length));
    return more ? length + more : 0;
  }

  return {
    async exchange(request) {
      connection ??= await open();
      let sent = await connection.write(request);
      while (sent < request.length) sent += await connection.write(request.subarray(sent));
      const answer = await receiveAnswer(buffer, read);
      if (!answer.reusable) {
        connection.close();
        connection = undefined;
      }
      return answer;
    },
    [Symbol.dispose]: () => connection?.close(),
  };
}
