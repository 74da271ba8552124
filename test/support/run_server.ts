/**
 * A stand-in for a server with `POST /run`, which answers as a test wants: for answers that a real command does not cause.
 *
 * @module
 */

/** A request to the server. */
export interface RunRequest {
  /** Path and query. */
  readonly target: string;
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** A listening server. */
export interface RunServer extends AsyncDisposable {
  /** `http://127.0.0.1:…` */
  readonly url: string;
  /** The requests so far. */
  readonly requests: readonly RunRequest[];
}

/** Reads each request to its end and answers it; `number` counts them from 1. */
export function startRunServer(
  answer: (request: RunRequest, number: number) => Response | Promise<Response>,
): RunServer {
  const requests: RunRequest[] = [];
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async ({ url, headers, body }) => {
      const { pathname, search } = new URL(url);
      const bytes = await new Response(body).bytes();
      const request = { target: pathname + search, headers, body: bytes };
      return await answer(request, requests.push(request));
    },
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    requests,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** The parts of a result. */
export interface FormParts {
  /** What `result` says beyond an exit status of 0. */
  readonly result?: Readonly<Record<string, unknown>>;
  readonly data?: string;
  readonly output?: string;
  readonly error?: string;
}

/** The boundary between the parts of `formBody`. */
export const boundary = "8d1c1ab4d9cf4f0d9a1f0c8a7b6e5d4c";

/** Media type of `formBody`. */
export const formType = `multipart/form-data; boundary=${boundary}`;

/** The body of an answer with a result. */
export function formBody({ result = {}, data = "", output = "", error = "" }: FormParts): string {
  const parts = [
    ["result", "application/json", JSON.stringify({ id: "x", exit_status: 0, ...result })],
    ["data", "application/octet-stream", data],
    ["output", "text/plain; charset=utf-8", output],
    ["error", "text/plain; charset=utf-8", error],
  ] as const;
  const texts = parts.map(([name, type, text]) => {
    const file = name === "result" ? "" : `; filename="${name}"`;
    const head = `Content-Disposition: form-data; name="${name}"${file}\r\nContent-Type: ${type}`;
    return `--${boundary}\r\n${head}\r\n\r\n${text}\r\n`;
  });
  return `${texts.join("")}--${boundary}--\r\n`;
}

/** An answer with a result. */
export function formAnswer(parts: FormParts): Response {
  return new Response(formBody(parts), { headers: { "content-type": formType } });
}

/** An answer with these events, one on each line. */
export function eventsAnswer(events: readonly Readonly<Record<string, unknown>>[]): Response {
  const lines = events.map((event, seq) => `${JSON.stringify({ seq, ...event })}\n`);
  return new Response(lines.join(""), { headers: { "content-type": "application/x-ndjson" } });
}

/** An answer with a problem. */
export function problemAnswer(status: number, code: string, detail: string): Response {
  return new Response(JSON.stringify({ status, code, detail, request_id: "r1" }), {
    status,
    headers: { "content-type": "application/problem+json", "retry-after": "1" },
  });
}
