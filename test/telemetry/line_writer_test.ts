import assert from "node:assert/strict";
import { createLineWriter } from "../../src/telemetry/line_writer.ts";

const lost = (count: number) => `${count} lost\n`;

Deno.test("createLineWriter() writes lines in order, however few bytes the sink takes at a time", async () => {
  let out = "";
  const writer = createLineWriter({
    write(bytes) {
      const some = bytes.subarray(0, 3);
      out += new TextDecoder().decode(some);
      return Promise.resolve(some.length);
    },
  }, lost);
  for (let index = 0; index < 20; index++) writer.write([`line ${index}\n`]);
  await writer.flush(60_000);
  assert.equal(out, Array.from({ length: 20 }, (_, index) => `line ${index}\n`).join(""));
});

Deno.test("createLineWriter() does not wait for a blocked sink, and counts the lines that are lost", async () => {
  const gate = Promise.withResolvers<void>();
  let out = "";
  const writer = createLineWriter({
    async write(bytes) {
      await gate.promise;
      out += new TextDecoder().decode(bytes);
      return bytes.length;
    },
  }, lost);
  const line = "x".repeat(1023) + "\n";
  writer.write(["first\n"]);
  for (let index = 0; index < 3000; index++) writer.write([line]);
  await writer.flush(1);
  assert.equal(out, "");
  gate.resolve();
  await writer.flush(60_000);
  assert.equal(out.length, "first\n".length + 1024 * 1024 + "1976 lost\n".length);
  assert.ok(out.endsWith("1976 lost\n"), out.slice(-20));
});

Deno.test("createLineWriter() does not throw when the sink fails", async () => {
  const writer = createLineWriter({ write: () => Promise.reject(new Error("gone")) }, lost);
  writer.write(["a\n"]);
  await writer.flush(60_000);
});

Deno.test("createLineWriter() writes the lines of one call together", async () => {
  const writes: string[] = [];
  const writer = createLineWriter({
    write(bytes) {
      writes.push(new TextDecoder().decode(bytes));
      return Promise.resolve(bytes.length);
    },
  }, lost);
  writer.write([]);
  writer.write(["a\n", "b\n"]);
  writer.write(["c\n"]);
  await writer.flush(60_000);
  assert.deepEqual(writes, ["a\nb\n", "c\n"]);
});
