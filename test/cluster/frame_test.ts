import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeFrame, encodeFrame, maxHeadBytes } from "../../src/cluster/frame.ts";
import { encode, joinedBytes } from "../support/pieces.ts";

const heads = fc.record({ value: fc.jsonValue() })
  // JSON has no -0
  .map((head) => JSON.parse(JSON.stringify(head)) as object);

const bytes = fc.uint8Array({ maxLength: 50 }).map((some) => new Uint8Array(some));

/** A message that begins with this length, whatever follows. */
function withLength(length: number, rest: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const message = joinedBytes([new Uint8Array(4), rest]);
  new DataView(message.buffer).setUint32(0, length);
  return message;
}

Deno.test("decodeFrame() returns the data and the bytes that encodeFrame() was given", () => {
  fc.assert(fc.property(heads, fc.array(bytes, { maxLength: 3 }), (head, bodies) => {
    const frame = decodeFrame(encodeFrame(head, ...bodies));
    assert.deepEqual(frame, { head, body: joinedBytes(bodies) });
  }));
});

Deno.test("encodeFrame() writes the length of the text, the text and the bytes", () => {
  const message = encodeFrame({ ä: 1 }, encode("xy"), encode(""), encode("z"));
  assert.deepEqual(message, joinedBytes([new Uint8Array([0, 0, 0, 8]), encode('{"ä":1}xyz')]));
});

Deno.test("decodeFrame() returns bytes in the memory of the message, wherever it lies", () => {
  const memory = joinedBytes([encode("before"), encodeFrame({ a: 1 }, encode("body"))]);
  const frame = decodeFrame(memory.subarray(6));
  assert.deepEqual(frame, { head: { a: 1 }, body: encode("body") });
  assert.equal(frame?.body.buffer, memory.buffer);
});

Deno.test("decodeFrame() returns undefined for a message whose data was cut", () => {
  const message = encodeFrame({ text: "é" });
  for (let length = 0; length < message.length; length++) {
    assert.equal(decodeFrame(message.subarray(0, length)), undefined, `${length} bytes`);
  }
});

Deno.test("decodeFrame() returns undefined for text that is not JSON in UTF-8, and does not throw", () => {
  const cases = [
    new Uint8Array([0x22, 0xff, 0x22]),
    encode("\ufeff{}"),
    encode("{"),
    encode("NaN"),
    encode(""),
  ];
  for (const text of cases) assert.equal(decodeFrame(withLength(text.length, text)), undefined);
  fc.assert(fc.property(bytes, (some) => {
    decodeFrame(some);
    decodeFrame(withLength(some.length, some));
  }));
});

Deno.test("decodeFrame() does not throw for text of any depth", () => {
  const depth = maxHeadBytes / 2;
  const text = encode("[".repeat(depth) + "]".repeat(depth));
  decodeFrame(withLength(text.length, text));
});

Deno.test("frames hold data of at most maxHeadBytes", () => {
  const head = { text: "x".repeat(maxHeadBytes - '{"text":""}'.length) };
  assert.deepEqual(decodeFrame(encodeFrame(head))?.head, head);
  const longer = { text: `${head.text}x` };
  assert.throws(() => encodeFrame(longer), {
    name: "RangeError",
    message: "a message with 1048577 bytes of data: it must be at most 1048576",
  });
  const text = encode(JSON.stringify(longer));
  assert.equal(decodeFrame(withLength(text.length, text)), undefined);
});
