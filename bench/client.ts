/**
 * A client that keeps its connection: as much HTTP/1.1 as posting the same body again and again
 * needs.
 *
 * `fetch` would do, but it costs several times the CPU of this, and on a machine with few cores
 * what the clients use is missing from the server's figures.
 *
 * @module
 */

/** An answer of the server. */
export interface Answer {
  /** Status code. */
  readonly status: number;
  /** The body, as text. */
  readonly body: string;
}

/** A connection to the server. Disposing of it closes the connection. */
export interface Client extends Disposable {
  /**
   * Posts the body and waits for the answer. When it throws, the connection is of no use any more.
   */
  post(): Promise<Answer>;
}

/** Longest answer that is taken; those of the benchmark have some 200 bytes. */
const maxAnswerBytes = 64 * 1024;

/** Connects to 127.0.0.1 and no other host. The body must be ASCII. */
export async function connect(
  { port, path, body }: { readonly port: number; readonly path: string; readonly body: string },
): Promise<Client> {
  const hostname = "127.0.0.1";
  const connection = await Deno.connect({ hostname, port });
  // Every request is a single small write that is answered before the next: nothing to gather.
  connection.setNoDelay();
  const request = new TextEncoder().encode(
    [
      `POST ${path} HTTP/1.1`,
      `host: ${hostname}:${port}`,
      "content-type: application/json",
      `content-length: ${body.length}`,
      "",
      body,
    ].join("\r\n"),
  );
  const buffer = new Uint8Array(maxAnswerBytes);
  return {
    async post() {
      for (let sent = 0; sent < request.length;) {
        sent += await connection.write(request.subarray(sent));
      }
      let length = 0;
      while (true) {
        const more = await connection.read(buffer.subarray(length));
        // 0 bytes: the buffer is full, and still there is no end.
        if (!more) throw new Error(more === 0 ? "the answer is too long" : "the connection ended");
        length += more;
        const answer = parseAnswer(buffer.subarray(0, length));
        if (answer) return answer;
      }
    },
    [Symbol.dispose]: () => connection.close(),
  };
}

/** The answer, or undefined while some of it is still to come. */
function parseAnswer(bytes: Uint8Array): Answer | undefined {
  // Latin-1: one character per byte, so that lengths in characters are lengths in bytes.
  const text = new TextDecoder("latin1").decode(bytes);
  const headEnd = text.indexOf("\r\n\r\n");
  if (headEnd < 0) return undefined;
  const head = text.slice(0, headEnd);
  const length = /^content-length: *(\d+)/im.exec(head)?.[1];
  if (length === undefined) throw new Error(`the answer has no Content-Length: ${head}`);
  const bodyStart = headEnd + 4;
  const bodyEnd = bodyStart + Number(length);
  if (text.length < bodyEnd) return undefined;
  if (text.length > bodyEnd) throw new Error(`more was sent than the answer: ${text}`);
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1]);
  return { status, body: new TextDecoder().decode(bytes.subarray(bodyStart, bodyEnd)) };
}
