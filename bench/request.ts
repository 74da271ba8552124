/**
 * The bytes of a request, made once and sent many times.
 *
 * @module
 */

import type { Address } from "./client.ts";

/** A request whose body holds a number. */
export interface NumberedRequest {
  /** The whole of it, as it goes to the connection. */
  readonly bytes: Uint8Array;
  /** Writes another number, up to 99 999 999, into the body. */
  setNumber(value: number): void;
}

/** What stands for the number in a body. */
export const placeholder = "{{id}}";

/** Digits of the number: always the same, so that the length of the body stays the same. */
const digits = 8;

/** A number as it is written into the body. */
export function numberText(value: number): string {
  return String(value).padStart(digits, "0");
}

/** A POST of JSON, with a token if there is one. Every placeholder in the body is a number, 0 at first. */
export function postRequest(
  { address, path, body, token }: {
    readonly address: Address;
    readonly path: string;
    readonly body: string;
    readonly token?: string | undefined;
  },
): NumberedRequest {
  const encoder = new TextEncoder();
  const pieces = body.split(placeholder).map((piece) => encoder.encode(piece));
  const length = pieces.reduce((sum, piece) => sum + piece.length, digits * (pieces.length - 1));
  const authorization = token === undefined ? "" : `authorization: Bearer ${token}\r\n`;
  const head = encoder.encode(
    `${requestLines("POST", address, path)}${authorization}content-type: application/json\r\n` +
      `content-length: ${length}\r\n\r\n`,
  );
  const bytes = new Uint8Array(head.length + length);
  bytes.set(head);
  const places: number[] = [];
  let at = head.length;
  for (const [index, piece] of pieces.entries()) {
    if (index > 0) {
      places.push(at);
      at += digits;
    }
    bytes.set(piece, at);
    at += piece.length;
  }
  const setNumber = (value: number) => {
    for (const place of places) {
      let rest = value;
      for (let i = place + digits - 1; i >= place; i--) {
        bytes[i] = 48 + rest % 10;
        rest = Math.floor(rest / 10);
      }
    }
  };
  setNumber(0);
  return { bytes, setNumber };
}

/** A GET. */
export function getRequest(address: Address, path: string): Uint8Array {
  return new TextEncoder().encode(`${requestLines("GET", address, path)}\r\n`);
}

/** The head of a request whose body has `length` bytes. */
export function uploadHead(
  { address, method, path, length }: {
    readonly address: Address;
    readonly method: "POST" | "PUT";
    readonly path: string;
    readonly length: number;
  },
): Uint8Array {
  return new TextEncoder().encode(
    `${requestLines(method, address, path)}content-length: ${length}\r\n\r\n`,
  );
}

function requestLines(method: string, { hostname, port }: Address, path: string): string {
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  return `${method} ${path} HTTP/1.1\r\nhost: ${host}:${port}\r\n`;
}
