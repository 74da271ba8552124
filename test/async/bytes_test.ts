import assert from "node:assert/strict";
import fc from "fast-check";
import { createByteBuffer, joined } from "../../src/async/bytes.ts";

Deno.test("createByteBuffer() returns the appended bytes and takes at most twice their sum in memory", () => {
  fc.assert(fc.property(
    fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 50 }),
    fc.nat({ max: 20_000 }),
    (pieces, expected) => {
      const buffer = createByteBuffer(expected);
      const all: number[] = [];
      for (const piece of pieces) {
        buffer.append(new Uint8Array(piece));
        all.push(...piece);
        assert.equal(buffer.length, all.length);
        assert.ok(buffer.capacity >= buffer.length);
        assert.ok(buffer.capacity <= Math.max(1024, 2 * all.length));
        if (all.length <= expected) assert.ok(buffer.capacity <= Math.max(expected, all.length));
      }
      assert.deepEqual([...buffer.bytes()], all);
    },
  ));
});

Deno.test("createByteBuffer() holds a hundred thousand single bytes in one piece of memory", () => {
  const buffer = createByteBuffer();
  for (let index = 0; index < 100_000; index++) buffer.append(new Uint8Array([index]));
  assert.equal(buffer.length, 100_000);
  assert.ok(buffer.capacity < 300_000);
});

Deno.test("joined() copies two pieces into one, and does not copy the second without a first", () => {
  const [first, second] = [new Uint8Array([1]), new Uint8Array([2, 3])];
  assert.deepEqual(joined(first, second), new Uint8Array([1, 2, 3]));
  assert.equal(joined(new Uint8Array(), second), second);
});
