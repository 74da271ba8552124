import assert from "node:assert/strict";
import { createBuffers } from "../../src/http/body/buffers.ts";
import { upload } from "../support/upload.ts";

Deno.test("readBody() takes memory only as it is written to, wherever an upload stops", async () => {
  const buffers = createBuffers(Infinity);
  for (const bytes of [16_385, 262_145, 4_194_305]) {
    const before = Deno.memoryUsage().rss;
    const uploads = Array.from({ length: 5 }, () => upload(buffers, 100_000_000));
    for (const { send } of uploads) await send(bytes);
    const taken = Deno.memoryUsage().rss - before;
    assert.ok(taken < 20 * bytes + 50_000_000, `${taken} bytes of memory for 5 of ${bytes}`);
    for (const { periods, outcome } of uploads) {
      periods.over();
      periods.over();
      assert.ok(!(await outcome).ok);
    }
  }
});
