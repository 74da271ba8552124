import assert from "node:assert/strict";
import { holdBytes } from "../../src/cli/held_bytes.ts";

async function read(pieces: AsyncIterable<Uint8Array<ArrayBuffer>>): Promise<string> {
  return (await new Blob(await Array.fromAsync(pieces)).bytes()).toBase64();
}

/** Descriptors of this process that are open on a file that has no name any more. */
function nameless(): number {
  return [...Deno.readDirSync("/proc/self/fd")].filter(({ name }) => {
    try {
      return /\/jobrunner-send-\w+ \(deleted\)$/.test(Deno.readLinkSync(`/proc/self/fd/${name}`));
    } catch {
      return false;
    }
  }).length;
}

Deno.test("holdBytes() returns what was written, as often as it is read", async () => {
  for (const total of [0, 1, 2 ** 20, 2 ** 20 + 1, 5_000_001]) {
    using held = holdBytes();
    const all = Uint8Array.from({ length: total }, (_, at) => (at * 7919) % 256);
    for (let at = 0; at < total; at += 70_000) await held.write(all.slice(at, at + 70_000));
    assert.equal(held.size, total);
    assert.equal(await read(held.pieces()), all.toBase64());
    assert.equal(await read(held.pieces()), all.toBase64());
  }
});

Deno.test("holdBytes() keeps many bytes in a file that has no name, and few in memory", async () => {
  const before = nameless();
  {
    using held = holdBytes();
    await held.write(new Uint8Array(2 ** 20));
    assert.equal(nameless(), before);
    await held.write(new Uint8Array(1));
    assert.equal(nameless(), before + 1);
  }
  assert.equal(nameless(), before);
});
