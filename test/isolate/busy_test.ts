import assert from "node:assert/strict";
import fc from "fast-check";
import { busyWith, markedIn, newBusyMemory } from "../../src/isolate/busy.ts";

Deno.test("markedIn() marks a request while work is done for it, not before and not after", () => {
  const memory = newBusyMemory();
  const during = markedIn(memory);
  assert.equal(busyWith(memory), undefined);
  for (const id of ["r1", "x".repeat(128), "a=b_C-9"]) {
    assert.equal(during(id, () => busyWith(memory)), id);
    assert.equal(busyWith(memory), undefined);
  }
  assert.throws(() =>
    during("r2", () => {
      throw new Error(busyWith(memory));
    }), { message: "r2" });
  assert.equal(busyWith(memory), undefined);
});

Deno.test("markedIn() leaves the mark in place when work is nested in other work", () => {
  const memory = newBusyMemory();
  const during = markedIn(memory);
  const seen = during("r1", () => [during("r1", () => busyWith(memory)), busyWith(memory)]);
  assert.deepEqual(seen, ["r1", "r1"]);
});

Deno.test("busyWith() returns a request id or undefined, whatever the memory holds", () => {
  const memory = newBusyMemory();
  const bytes = new Uint8Array(memory);
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: bytes.length, maxLength: bytes.length }),
      fc.nat(255),
      (content, length) => {
        bytes.set(content);
        bytes[0] = length;
        assert.match(busyWith(memory) ?? "none", /^[\w=-]{1,128}$/);
      },
    ),
    { examples: [[new Uint8Array(bytes.length).fill(0x61), 255]] },
  );
  bytes.set(new TextEncoder().encode("\x03a\nb"));
  assert.equal(busyWith(memory), undefined);
});

Deno.test("busyWith() sees the mark of another isolate that is stuck in its work", async () => {
  const memory = newBusyMemory();
  const module = JSON.stringify(import.meta.resolve("../../src/isolate/busy.ts"));
  const code = `import { markedIn } from ${module};
    onmessage = ({ data }) => markedIn(data.memory)("r1", () => { postMessage("marked"); for (;;); });`;
  const entry = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  const worker = new Worker(entry, { type: "module" });
  const marked = new Promise((resolve) => worker.onmessage = resolve);
  worker.postMessage({ memory });
  await marked;
  assert.equal(busyWith(memory), "r1");
  worker.terminate();
  URL.revokeObjectURL(entry);
});
