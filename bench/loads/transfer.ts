/**
 * One client that sends or receives one large file. It holds no more than a piece of it.
 *
 * @module
 */

import { endOfHead, parseHead } from "../answer.ts";
import type { Address } from "../client.ts";
import { getRequest, uploadHead } from "../request.ts";
import { ownCpuMs, runAsProgram } from "./program.ts";

/** What the client does. */
export interface TransferPlan {
  /** Where the server listens. */
  readonly address: Address;
  /** GET has no body; the others send one. */
  readonly method: "GET" | "POST" | "PUT";
  /** Path of the request. */
  readonly path: string;
  /** Bytes of the request's body. */
  readonly send: number;
  /** Bytes of the answer's body. */
  readonly receive: number;
}

/** What the client saw. */
export interface TransferResult {
  /** From the request's first byte sent to the answer's last byte received. */
  readonly seconds: number;
  /** CPU of the client. */
  readonly clientCpuMs: number;
}

/** Most bytes of one write or read. */
const pieceBytes = 2 ** 20;

/**
 * Sends the request and receives the answer. Throws an `Error` when the status is not 200, 201 or
 * 204, or when the answer has another length.
 */
export async function transfer(plan: TransferPlan): Promise<TransferResult> {
  const { address, method, path, send, receive } = plan;
  const head = method === "GET"
    ? getRequest(address, path)
    : uploadHead({ address, method, path, length: send });
  const piece = randomPiece();
  using connection = await Deno.connect({ ...address });
  const cpuBefore = ownCpuMs();
  const start = performance.now();
  await writeAll(connection, head);
  for (let left = send; left > 0; left -= piece.length) {
    await writeAll(connection, piece.subarray(0, left));
  }
  await receiveBody(connection, piece, receive);
  const seconds = (performance.now() - start) / 1000;
  return { seconds, clientCpuMs: ownCpuMs() - cpuBefore };
}

/** Random bytes, so that no file system can store the file in less than its length. */
function randomPiece(): Uint8Array {
  const piece = new Uint8Array(pieceBytes);
  // The most that the call takes at once.
  const step = 65_536;
  for (let at = 0; at < piece.length; at += step) {
    crypto.getRandomValues(piece.subarray(at, at + step));
  }
  return piece;
}

async function writeAll(connection: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}

/** Reads an answer whose body has `length` bytes into the same memory again and again. */
async function receiveBody(
  connection: Deno.TcpConn,
  buffer: Uint8Array,
  length: number,
): Promise<void> {
  const read = async (at: number) => {
    const more = await connection.read(buffer.subarray(at));
    if (!more) throw new Error("the connection ended");
    return at + more;
  };
  let filled = 0;
  let headEnd: number;
  while ((headEnd = endOfHead(buffer, filled)) < 0) filled = await read(filled);
  const { status, bodyLength = 0 } = parseHead(buffer, headEnd);
  if (![200, 201, 204].includes(status) || bodyLength !== length) {
    throw new Error(
      `answer ${status} with ${bodyLength} bytes: ${textOf(buffer, headEnd, filled)}`,
    );
  }
  for (let left = length - (filled - headEnd); left > 0;) left -= await read(0);
}

function textOf(buffer: Uint8Array, from: number, to: number): string {
  return new TextDecoder().decode(buffer.subarray(from, to)).trimEnd();
}

await runAsProgram(import.meta, transfer);
