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
