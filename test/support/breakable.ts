/**
 * A TCP connection that can be cut: a proxy in front of a server.
 *
 * @module
 */

/** A port that leads to a server until it is cut; disposing of it ends everything. */
export interface Breakable extends AsyncDisposable {
  /** The port to connect to, on 127.0.0.1. */
  readonly port: number;
  /** Closes all connections, and new ones at once. */
  cut(): void;
  /** Lets new connections through again. */
  mend(): void;
}

/** Makes one for a port of 127.0.0.1. */
export function openBreakable(target: number): Breakable {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open = new Set<Deno.Conn>();
  const passing = new Set<Promise<void>>();
  let whole = true;

  const close = (conn: Deno.Conn) => {
    if (open.delete(conn)) conn.close();
  };
  const copy = async (from: Deno.Conn, to: Deno.Conn) => {
    try {
      await from.readable.pipeTo(to.writable);
    } catch {
      // One of the two was cut.
    } finally {
      open.delete(from);
      open.delete(to);
    }
  };
  const pass = async (client: Deno.Conn) => {
    open.add(client);
    try {
      const server = await Deno.connect({ hostname: "127.0.0.1", port: target });
      open.add(server);
      if (!open.has(client)) close(server);
      else await Promise.all([copy(client, server), copy(server, client)]);
    } catch {
      close(client);
    }
  };
  const accepting = (async () => {
    for await (const client of listener) {
      if (!whole) {
        client.close();
        continue;
      }
      const done = pass(client);
      passing.add(done);
      done.then(() => passing.delete(done));
    }
  })();
  const cut = () => {
    whole = false;
    for (const conn of open) close(conn);
  };

  return {
    port: listener.addr.port,
    cut,
    mend: () => void (whole = true),
    async [Symbol.asyncDispose]() {
      listener.close();
      await accepting;
      cut();
      await Promise.all(passing);
    },
  };
}
