/**
 * A minimal client of the service.
 *
 * @module
 */

import type { OutcomeLabel } from "../../src/jobs/job.ts";
import type { RejectionReason } from "../../src/telemetry/catalogue.ts";
import type { BufferedBytes } from "../../src/wire/status.ts";

/** The answer to a job, with its base64 decoded to text. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** The body as it came. */
  readonly text: string;
  /** The body as JSON; empty when it is not JSON. */
  readonly json: Record<string, unknown>;
  readonly output: string;
  readonly error: string;
  readonly data: string;
}

/** UTF-8 text as base64. */
export function base64(text: string): string {
  return new TextEncoder().encode(text).toBase64();
}

/** Posts any body to `/payload`, or for a command with a name. */
export async function postRaw(
  url: string,
  body: BodyInit,
  { headers = {}, signal, command, client }: {
    readonly headers?: Record<string, string>;
    readonly signal?: AbortSignal | undefined;
    readonly command?: string;
    readonly client?: Deno.HttpClient;
  } = {},
): Promise<Answer> {
  const path = command === undefined ? "/payload" : `/payload/${command}`;
  const response = await fetch(`${url}${path}`, {
    method: "POST",
    body,
    headers,
    ...(signal ? { signal } : {}),
    ...(client ? { client } : {}),
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
    readonly command?: string;
    readonly client?: Deno.HttpClient;
  } = {},
): Promise<Answer> {
  return postRaw(url, JSON.stringify({ id, data: base64(payload) }), options);
}

/** Fetches text and its status. */
export async function get(
  url: string,
  init: RequestInit & { readonly client?: Deno.HttpClient } = {},
): Promise<{
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}> {
  const response = await fetch(url, init);
  return { status: response.status, headers: response.headers, text: await response.text() };
}

/** The body of `/status`. */
export interface Status {
  readonly queued_jobs: number;
  readonly total_jobs: number;
  readonly version: string;
  readonly uptime_sec: number;
  readonly state: string;
  readonly workers: number;
  readonly busy: number;
  readonly queue_limit: number;
  readonly buffered_bytes: number;
  readonly buffered: BufferedBytes;
  readonly worker_states: readonly {
    readonly worker_id: number;
    readonly state: string;
    readonly since_sec: number;
    readonly id?: string;
    readonly request_id?: string;
    /** Only where tokens are in use. */
    readonly token?: string;
    readonly pid?: number;
    readonly warm?: { readonly pid?: number; readonly since_sec: number; readonly jobs: number };
  }[];
  /** Only with a configuration file. */
  readonly pools?: readonly { readonly name: string; readonly workers: number }[];
  readonly outcomes: Readonly<Record<OutcomeLabel, number>>;
  readonly rejections: Readonly<Record<RejectionReason, number>>;
  readonly recent: {
    readonly window_sec: number;
    readonly queued_sec: RecentSec;
    readonly elapsed_sec: RecentSec;
  };
}

interface RecentSec {
  readonly count: number;
  readonly p50: number | null;
  readonly p95: number | null;
}

/** Fetches `/status`. */
export async function statusOf(url: string): Promise<Status> {
  return JSON.parse((await get(`${url}/status`)).text);
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
    `POST /payload HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\nExpect: 100-continue\r\n\r\n`,
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

/** Every sample of a scrape by its name and labels. */
export async function scrape(
  url: string,
  init: RequestInit = {},
): Promise<Map<string, number>> {
  const { text } = await get(`${url}/metrics`, init);
  return new Map(
    text.split("\n").filter((line) => line && !line.startsWith("#")).map((line) => {
      const at = line.lastIndexOf(" ");
      return [line.slice(0, at), Number(line.slice(at + 1))];
    }),
  );
}

/**
 * Runs jobs until a log that is not read takes no more: each line is longer than half a kilobyte, so a pipe of 64 KiB is
 * full long before the end.
 */
export async function fillLog(url: string): Promise<void> {
  for (let count = 0; count < 200; count++) {
    const { status, text } = await post(url, "exit 0", { id: "x".repeat(600) });
    if (status !== 200) throw new Error(text);
  }
}

/** Opens a connection and sends text over it. */
export async function say(url: string, text: string): Promise<Deno.TcpConn> {
  const { hostname, port } = new URL(url);
  const connection = await Deno.connect({ hostname, port: Number(port) });
  await write(connection, text);
  return connection;
}

/** Sends all of a text, or of bytes. */
export async function write(connection: Deno.Conn, content: string | Uint8Array): Promise<void> {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}

/** Reads the head of an answer, or what comes before the connection ends; a 100 is skipped. */
export async function headOfAnswer(connection: Deno.Conn): Promise<string> {
  const buffer = new Uint8Array(65_536);
  let text = "";
  for (;;) {
    text = text.replace(/^HTTP\/1\.1 100 .*?\r\n\r\n/s, "");
    if (text.includes("\r\n\r\n")) return text;
    const length = await connection.read(buffer);
    if (length === null) return text;
    text += new TextDecoder().decode(buffer.subarray(0, length));
  }
}

/** Reads a whole answer with a Content-Length, or what comes before the connection ends; a 100 is skipped. */
export async function wholeAnswer(connection: Deno.Conn): Promise<string> {
  let text = await headOfAnswer(connection);
  const buffer = new Uint8Array(65_536);
  const [, length = "0"] = /^content-length: *(\d+)/im.exec(text) ?? [];
  const end = text.indexOf("\r\n\r\n") + 4 + Number(length);
  while (text.length < end) {
    const read = await connection.read(buffer);
    if (read === null) break;
    text += new TextDecoder().decode(buffer.subarray(0, read));
  }
  return text;
}

/** The head of a request for a job whose body has so many bytes. */
export const headOf = (bytes: number): string =>
  `POST /payload HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${bytes}\r\n\r\n`;
