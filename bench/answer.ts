/**
 * One HTTP/1.1 answer out of the bytes of a connection (RFC 9112), in the buffer it was read into.
 *
 * It compares bytes and decodes no text: on a machine with few cores, the CPU that the clients use is
 * lost to the server.
 *
 * @module
 */

/** An answer of the server. */
export interface Answer {
  /** Status code. */
  readonly status: number;
  /** A view of the connection's buffer: the next answer will overwrite it. */
  readonly body: Uint8Array;
  /** Whether the connection can be used again. */
  readonly reusable: boolean;
}

/** Appends bytes to the buffer and resolves with the new length; 0 when no more will come. */
type More = (length: number) => Promise<number>;

const name = (text: string) => new TextEncoder().encode(text);
const contentLength = name("content-length:");
const transferEncoding = name("transfer-encoding:");
const connectionClose = name("connection: close");

const cr = 13;
const lf = 10;
const space = 32;

/** Reads one answer. Throws an `Error` when what comes is not one whole answer. */
export async function receiveAnswer(buffer: Uint8Array, read: More): Promise<Answer> {
  let length = 0;
  async function more(): Promise<void> {
    length = await read(length);
    if (length === 0) throw new Error("the connection ended");
  }

  let headEnd: number;
  while ((headEnd = endOfHead(buffer, length)) < 0) await more();
  const { status, bodyLength, chunked, closes } = parseHead(buffer, headEnd);
  if (chunked) return { status, body: await unchunk(), reusable: !closes };
  if (bodyLength !== undefined) {
    const bodyEnd = headEnd + bodyLength;
    while (length < bodyEnd) await more();
    if (length > bodyEnd) throw new Error("more was sent than the answer");
    return { status, body: buffer.subarray(headEnd, bodyEnd), reusable: !closes };
  }
  if (status === 204) return { status, body: buffer.subarray(0, 0), reusable: !closes };
  // Neither a length nor chunks: the end of the connection is the end of the answer.
  for (let end = length; end > 0; end = await read(length)) length = end;
  return { status, body: buffer.subarray(headEnd, length), reusable: false };

  /** Moves the chunks together, to where the first one's size was. */
  async function unchunk(): Promise<Uint8Array> {
    let end = headEnd;
    let at = headEnd;
    while (true) {
      let line: number;
      while ((line = endOfLine(buffer, at, length)) < 0) await more();
      const size = chunkSize(buffer, at);
      at = line;
      if (size === 0) break;
      while (length < at + size + 2) await more();
      buffer.copyWithin(end, at, at + size);
      end += size;
      at += size + 2;
    }
    // No trailers are taken: an empty line follows.
    while (length < at + 2) await more();
    if (length > at + 2) throw new Error("more was sent than the answer");
    return buffer.subarray(headEnd, end);
  }
}

/** The index behind the empty line that ends the head, or -1. */
export function endOfHead(bytes: Uint8Array, length: number): number {
  for (let i = 3; i < length; i++) {
    if (bytes[i] === lf && bytes[i - 1] === cr && bytes[i - 2] === lf && bytes[i - 3] === cr) {
      return i + 1;
    }
  }
  return -1;
}

/** The index behind the line that begins at `from`, or -1. */
function endOfLine(bytes: Uint8Array, from: number, length: number): number {
  for (let i = from; i < length; i++) if (bytes[i] === lf) return i + 1;
  return -1;
}

/** What the head of an answer says. */
interface Head {
  /** Status code. */
  readonly status: number;
  /** Its Content-Length; undefined without one. */
  readonly bodyLength: number | undefined;
  /** Whether the body comes in chunks. */
  readonly chunked: boolean;
  /** Whether the server closes the connection after the answer. */
  readonly closes: boolean;
}

/** Reads the head that ends before `headEnd`. Throws an `Error` when it is not one of HTTP/1.1. */
export function parseHead(bytes: Uint8Array, headEnd: number): Head {
  // “HTTP/1.1 200 OK”
  const status = digitsAt(bytes, 9);
  if (status === undefined) throw new Error("the answer is not HTTP/1.1");
  let bodyLength: number | undefined;
  let chunked = false;
  let closes = false;
  for (
    let line = endOfLine(bytes, 0, headEnd);
    line > 0 && line < headEnd;
    line = endOfLine(bytes, line, headEnd)
  ) {
    if (startsWith(bytes, line, contentLength)) {
      bodyLength = digitsAt(bytes, line + contentLength.length);
    } else if (startsWith(bytes, line, transferEncoding)) chunked = true;
    else if (startsWith(bytes, line, connectionClose)) closes = true;
  }
  return { status, bodyLength, chunked, closes };
}

/** Whether a line begins with this, which is in lower case, whatever case the line is in. */
function startsWith(bytes: Uint8Array, line: number, wanted: Uint8Array): boolean {
  for (let i = 0; i < wanted.length; i++) {
    // Bit 5 distinguishes a small letter from a capital; colon, hyphen and space have it anyway.
    if (((bytes[line + i] ?? 0) | 32) !== wanted[i]) return false;
  }
  return true;
}

/** The number after optional spaces; undefined without a digit. */
function digitsAt(bytes: Uint8Array, at: number): number | undefined {
  while (bytes[at] === space) at++;
  let value: number | undefined;
  for (let digit; (digit = (bytes[at] ?? 0) - 48) >= 0 && digit <= 9; at++) {
    value = (value ?? 0) * 10 + digit;
  }
  return value;
}

function chunkSize(bytes: Uint8Array, at: number): number {
  let text = "";
  for (let code; (code = bytes[at] ?? 0) !== cr && code !== 59; at++) {
    text += String.fromCharCode(code);
  }
  const size = parseInt(text, 16);
  if (size >= 0) return size;
  throw new Error(`the size of a chunk is not a number: ${text}`);
}
