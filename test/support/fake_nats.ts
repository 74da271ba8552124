/**
 * A server that greets like a NATS server of any version, and answers pings.
 *
 * @module
 */

/** The server; disposing of it closes its connections. */
export interface FakeNats extends AsyncDisposable {
  /** Host and port. */
  readonly address: string;
  /** Number of connections that were made. */
  readonly connections: number;
  /** Sends this to all clients. */
  send(text: string): Promise<void>;
}

/** Starts one with this greeting. With an empty greeting it says nothing. */
export function startFakeNats(greeting: string): FakeNats {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open = new Set<Deno.Conn>();
  const serve = async (conn: Deno.Conn) => {
    open.add(conn);
    try {
      await conn.write(new TextEncoder().encode(greeting));
      for await (const chunk of conn.readable) {
        if (new TextDecoder().decode(chunk).includes("PING\r\n")) {
          await conn.write(new TextEncoder().encode("PONG\r\n"));
        }
      }
    } catch {
      // The connection was closed.
    }
    open.delete(conn);
  };
  const serving: Promise<void>[] = [];
  const accepting = (async () => {
    for await (const conn of listener) serving.push(serve(conn));
  })();
  return {
    address: `127.0.0.1:${listener.addr.port}`,
    get connections() {
      return serving.length;
    },
    async send(text) {
      for (const conn of open) await conn.write(new TextEncoder().encode(text));
    },
    async [Symbol.asyncDispose]() {
      listener.close();
      await accepting;
      for (const conn of open) conn.close();
      await Promise.all(serving);
    },
  };
}

/** The greeting of a NATS server of this version. */
export function greetingOf(version: string, more: object = {}): string {
  const info = { server_id: "fake", version, proto: 1, headers: true, max_payload: 1024, ...more };
  return `INFO ${JSON.stringify(info)}\r\n`;
}
