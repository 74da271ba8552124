/**
 * Bodies of `POST /run` that arrive in pieces of all sizes: others are answered within 200 ms meanwhile. That is a required
 * figure of the product, so these tests measure time; they print what they measured.
 */

import assert from "node:assert/strict";
import { statusOf } from "../support/client.ts";
import { startProbe } from "../support/probe.ts";
import { startProgram } from "../support/program.ts";

/** Sizes of the pieces, and how many bytes are sent in them. */
const pieceSizes = [[1, 20_000], [64, 2 ** 20], [1024, 2 ** 24], [65_536, 2 ** 26]] as const;

const encode = (text: string) => new TextEncoder().encode(text);

const boundary = "boundary-of-the-form";
const partHead = encode(
  `--${boundary}\r\nContent-Disposition: form-data; name="a"; filename="a"\r\n\r\n`,
);
const partEnd = encode(`\r\n--${boundary}--\r\n`);

/** A body of about so many bytes, most of which resemble the beginning of a boundary. */
function bodyOf(length: number, isForm: boolean): Uint8Array<ArrayBuffer> {
  const body = new Uint8Array(length).fill(0x2d);
  for (let at = 0; at < length; at += 7) body[at] = 0x0d;
  if (!isForm || length < partHead.length + partEnd.length) return body;
  body.set(partHead);
  body.set(partEnd, length - partEnd.length);
  return body;
}

/** What is written, piece by piece; with chunks as many in one piece as a client would send at once. */
function* writes(body: Uint8Array<ArrayBuffer>, size: number, isChunked: boolean) {
  if (!isChunked) {
    for (let at = 0; at < body.length; at += size) yield body.subarray(at, at + size);
    return;
  }
  const head = encode(`${size.toString(16)}\r\n`);
  const chunk = head.length + size + 2;
  const many = Math.max(1, Math.floor(65_536 / chunk));
  for (let at = 0; at + size <= body.length;) {
    const piece = new Uint8Array(chunk * Math.min(many, Math.floor((body.length - at) / size)));
    for (let into = 0; into < piece.length; into += chunk, at += size) {
      piece.set(head, into);
      piece.set(body.subarray(at, at + size), into + head.length);
      piece.set([0x0d, 0x0a], into + chunk - 2);
    }
    yield piece;
  }
  yield encode("0\r\n\r\n");
}

/** Sends a body until it is answered; resolves with the status. */
async function send(
  url: string,
  pieces: Iterable<Uint8Array<ArrayBuffer>>,
  headers: string,
): Promise<number> {
  const { hostname, port } = new URL(url);
  const connection = await Deno.connect({ hostname, port: Number(port) });
  connection.setNoDelay();
  await connection.write(encode(`POST /run HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n\r\n`));
  let answer = "";
  const answered = (async () => {
    const buffer = new Uint8Array(4096);
    while (!answer.includes("\r\n\r\n")) {
      const length = await connection.read(buffer);
      if (length === null) break;
      answer += new TextDecoder().decode(buffer.subarray(0, length));
    }
  })();
  const sending = (async () => {
    for (const piece of pieces) {
      for (let at = 0; at < piece.length;) {
        if (answer !== "") return;
        at += await connection.write(piece.subarray(at));
      }
    }
  })().catch(() => "the server closed the connection");
  await answered;
  connection.close();
  await sending;
  return Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]);
}

for (const isForm of [false, true]) {
  for (const isChunked of [false, true]) {
    const what = `${isForm ? "a form" : "a body"} ${isChunked ? "in chunks" : "in pieces"}`;
    Deno.test(`${what} of 1 to 65536 bytes delays others by 200 ms at most`, async () => {
      await using program = await startProgram({ env: { JOBRUNNER_CMD: "true" } });
      for (const [size, length] of pieceSizes) {
        const body = bodyOf(length, isForm);
        using probe = await startProbe(program.url);
        const status = await send(
          program.url,
          writes(body, size, isChunked),
          [
            isChunked ? "Transfer-Encoding: chunked" : `Content-Length: ${length}`,
            ...(isForm ? [`Content-Type: multipart/form-data; boundary=${boundary}`] : []),
          ].join("\r\n"),
        );
        const answered = await probe.stop();
        console.log(`${what} of ${size} bytes: ${status}; /status in ms:`, answered);
        assert.equal(status, isChunked ? 411 : 200);
        assert.ok(answered.max <= 200, `${answered.max} ms`);
      }
      assert.equal((await statusOf(program.url)).queued_jobs, 0);
    });
  }
}
