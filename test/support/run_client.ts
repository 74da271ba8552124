/**
 * A client of `POST /run`.
 *
 * @module
 */

/** The answer to `POST /run`. */
export interface RunAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The same as text. */
  readonly text: string;
}

/** What a request has besides its body. */
export interface RunOptions {
  /** What follows `/run` in the URL: a name of a command, a query. */
  readonly target?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** Posts a body to `/run` and reads the answer to its end. */
export async function postRun(
  url: string,
  body: BodyInit | null,
  { target = "", headers = {}, signal }: RunOptions = {},
): Promise<RunAnswer> {
  const response = await fetch(`${url}/run${target}`, {
    method: "POST",
    body,
    headers,
    ...(signal ? { signal } : {}),
  });
  const bytes = await response.bytes();
  const text = new TextDecoder().decode(bytes);
  return { status: response.status, headers: response.headers, bytes, text };
}

/** Posts a shell script to a command that runs it, and gives the job an id. */
export function runScript(
  url: string,
  script: string,
  { id, ...options }: RunOptions & { readonly id?: string } = {},
): Promise<RunAnswer> {
  const target = id === undefined ? {} : { target: `?id=${encodeURIComponent(id)}` };
  return postRun(url, script, { ...target, ...options });
}
