import assert from "node:assert/strict";
import fc from "fast-check";
import { createCaptures } from "../../src/exec/capture.ts";

Deno.test("createCaptures() keeps the beginning of each stream up to the limit, and reports how much", () => {
  const pieces = fc.array(
    fc.record({
      kind: fc.constantFrom("stdout" as const, "stderr" as const),
      bytes: fc.uint8Array({ minLength: 1, maxLength: 20 }),
    }),
    { maxLength: 20 },
  );
  fc.assert(fc.property(pieces, fc.nat({ max: 200 }), (events, limit) => {
    let kept = 0;
    const captures = createCaptures(limit, (bytes) => void (kept += bytes));
    for (const { kind, bytes } of events) captures.onEvent({ kind, bytes: new Uint8Array(bytes) });
    for (const kind of ["stdout", "stderr"] as const) {
      const all = events.filter((event) => event.kind === kind).flatMap(({ bytes }) => [...bytes]);
      const { bytes, truncated } = kind === "stdout" ? captures.output() : captures.error();
      assert.deepEqual([...bytes], all.slice(0, limit));
      assert.equal(truncated, all.length > limit);
      kept -= bytes.length;
    }
    assert.equal(kept, 0);
  }));
});

Deno.test("createCaptures() does not flag output that just fits as truncated", () => {
  const captures = createCaptures(3, () => {});
  captures.onEvent({ kind: "stdout", bytes: new Uint8Array(3) });
  assert.equal(captures.output().truncated, false);
  captures.onEvent({ kind: "stdout", bytes: new Uint8Array(1) });
  assert.equal(captures.output().truncated, true);
});

Deno.test("createCaptures() drops output for which there is no memory, and all output after it", () => {
  let kept = 0;
  const captures = createCaptures(Infinity, (bytes) => void (kept += bytes));
  captures.onEvent({ kind: "stderr", bytes: new Uint8Array([1]) });
  const tooLarge = { length: 2 ** 50 } as Uint8Array<ArrayBuffer>;
  captures.onEvent({ kind: "stderr", bytes: tooLarge });
  assert.equal(captures.error().truncated, true);
  captures.onEvent({ kind: "stderr", bytes: new Uint8Array([3]) });
  assert.deepEqual(captures.error(), { bytes: new Uint8Array([1]), truncated: true });
  assert.equal(kept, 1);
});

Deno.test("createCaptures() keeps copies, since the memory of a piece is reused", () => {
  const captures = createCaptures(Infinity, () => {});
  const memory = new Uint8Array(1000).fill(1);
  captures.onEvent({ kind: "stdout", bytes: memory });
  memory.fill(2);
  assert.deepEqual(captures.output().bytes, new Uint8Array(1000).fill(1));
});
