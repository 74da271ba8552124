/**
 * A client of the service, as small as curl.
 *
 * @module
 */

/** The answer to a job, with its base64 decoded to text. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** The body as it came. */
  readonly text: string;
  /** The body as JSON; empty when it is none. */
  readonly json: Record<string, unknown>;
  readonly output: string;
  readonly error: string;
  readonly data: string;
}

/** UTF-8 text as base64. */
export function base64(text: string): string {
  return new TextEncoder().encode(text).toBase64();
}

/** Posts any body to `/payload`. */
export async function postRaw(
  url: string,
  body: BodyInit,
  { headers = {}, signal }: {
    readonly headers?: Record<string, string>;
    readonly signal?: AbortSignal | undefined;
  } = {},
): Promise<Answer> {
  const response = await fetch(`${url}/payload`, {
    method: "POST",
    body,
    headers,
    ...(signal ? { signal } : {}),
  });
  const text = await response.text();
  const isJson = /json/.test(response.headers.get("content-type") ?? "");
  const json = (isJson ? JSON.parse(text) : {}) as Record<string, unknown>;
  const decoded = (name: string) =>
    typeof json[name] === "string" && response.status === 200
      ? new TextDecoder().decode(Uint8Array.fromBase64(json[name]))
      : "";
  return {
    status: response.status,
    headers: response.headers,
    text,
    json,
    output: decoded("output"),
    error: decoded("error"),
    data: decoded("data"),
  };
}

/** Posts a job whose payload is text. */
export function post(
  url: string,
  payload: string,
  { id = "test", ...options }: {
    readonly id?: string;
    readonly headers?: Record<string, string>;
    readonly signal?: AbortSignal;
  } = {},
): Promise<Answer> {
  return postRaw(url, JSON.stringify({ id, data: base64(payload) }), options);
}

/** Fetches text and its status. */
export async function get(url: string, init: RequestInit = {}): Promise<{
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}> {
  const response = await fetch(url, init);
  return { status: response.status, headers: response.headers, text: await response.text() };
}

/** Posts a job whose body is sent only when the server has asked for it; the answer is left unread. */
export async function postInTwoParts(
  url: string,
  job: { readonly id: string; readonly data: string },
): Promise<Deno.TcpConn> {
  const { hostname, port } = new URL(url);
  const connection = await Deno.connect({
    hostname: hostname.replace(/^\[|\]$/g, ""),
    port: Number(port),
  });
  const body = JSON.stringify(job);
  const write = (text: string) => connection.write(new TextEncoder().encode(text));
  await write(
    `POST /payload HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\nExpect: 100-continue\r\n\r\n`,
  );
  let said = "";
  while (!said.endsWith("\r\n\r\n")) {
    const buffer = new Uint8Array(1024);
    const length = await connection.read(buffer);
    if (length === null) throw new Error(`the server closed the connection after: ${said}`);
    said += new TextDecoder().decode(buffer.subarray(0, length));
  }
  if (!said.startsWith("HTTP/1.1 100 ")) throw new Error(`no 100 but: ${said}`);
  await write(body);
  return connection;
}
