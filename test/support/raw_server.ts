/**
 * A server that does with each connection what a test wants, where a real one would keep to HTTP.
 *
 * @module
 */

/** A listening port of this machine. */
export interface RawServer extends AsyncDisposable {
  /** `http://127.0.0.1:…` */
  readonly url: string;
  /** Connections so far. */
  readonly connections: number;
}

/** Hands each connection to a function and closes it afterwards. */
export function startRawServer(
  serve: (connection: Deno.TcpConn, number: number) => Promise<unknown>,
): RawServer {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serving: Promise<void>[] = [];
  let connections = 0;
  const one = async (connection: Deno.TcpConn) => {
    using _closed = connection;
    await serve(connection, ++connections);
  };
  const all = (async () => {
    for await (const connection of listener) serving.push(one(connection as Deno.TcpConn));
  })();
  return {
    url: `http://127.0.0.1:${(listener.addr as Deno.NetAddr).port}`,
    get connections() {
      return connections;
    },
    async [Symbol.asyncDispose]() {
      listener.close();
      await all;
      await Promise.allSettled(serving);
    },
  };
}

/** Reads until so many bytes have come, or the end; resolves with how many came. */
export async function readBytes(connection: Deno.Conn, most: number): Promise<number> {
  const buffer = new Uint8Array(Math.min(most, 2 ** 16));
  let length = 0;
  while (length < most) {
    const read = await connection.read(buffer.subarray(0, most - length));
    if (read === null) break;
    length += read;
  }
  return length;
}

/** Reads a whole HTTP/1.1 request with a Content-Length; resolves with it, one character per byte. */
export async function readRequest(connection: Deno.Conn): Promise<string> {
  const buffer = new Uint8Array(2 ** 16);
  let text = "";
  for (;;) {
    const end = text.indexOf("\r\n\r\n");
    const [, length = "0"] = /^content-length: *(\d+)/im.exec(text) ?? [];
    if (end >= 0 && text.length >= end + 4 + Number(length)) return text;
    const read = await connection.read(buffer);
    if (read === null) return text;
    text += new TextDecoder("latin1").decode(buffer.subarray(0, read));
  }
}

/** Writes an HTTP/1.1 answer, or the beginning of one: a body shorter than `length`. */
export async function writeAnswer(
  connection: Deno.Conn,
  status: number,
  { headers = {}, body = "", length = body.length }: {
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string;
    readonly length?: number;
  } = {},
): Promise<void> {
  const lines = Object.entries({ ...headers, "content-length": String(length) })
    .map(([name, value]) => `${name}: ${value}\r\n`);
  const text = `HTTP/1.1 ${status} x\r\n${lines.join("")}\r\n${body}`;
  const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}
