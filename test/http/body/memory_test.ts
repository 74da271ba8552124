import assert from "node:assert/strict";
import { createActivity } from "../../../src/http/activity.ts";
import { createBuffers } from "../../../src/http/body/buffers.ts";
import { readBody } from "../../../src/http/body/memory.ts";
import { byHand } from "../../support/deadlines.ts";
import { nextTurn } from "../../support/turn.ts";
import { upload } from "../../support/upload.ts";

/** Room for the small bodies of these tests, and a tenth of it for smaller ones. */
const budget = 1_000_000;

Deno.test("readBody() reads a long body whole, and holds only what has arrived and the next piece", async () => {
  const buffers = createBuffers(Infinity);
  const { outcome, send } = upload(buffers, 3_000_000);
  await nextTurn();
  assert.ok(buffers.held.bodies <= 16_384, `${buffers.held.bodies} before the first byte`);
  for (let arrived = 100_000; arrived <= 3_000_000; arrived += 100_000) {
    await send(100_000);
    const ahead = buffers.held.bodies - arrived;
    assert.ok(ahead >= 0 && ahead <= Math.min(arrived, 262_144), `${ahead} after ${arrived}`);
  }
  const body = await outcome;
  assert.ok(body.ok);
  assert.equal(body.bytes.length, 3_000_000);
  body.bytes.forEach((byte, index) => {
    if (byte !== ((Math.floor(index / 100_000) + 1) * 100) % 256) assert.fail(`at ${index}`);
  });
  assert.equal(buffers.held.bodies, 3_000_000);
});

Deno.test("readBody() reads a long body whose stream is not one of bytes", async () => {
  const buffers = createBuffers(Infinity);
  const bytes = crypto.getRandomValues(new Uint8Array(65_536));
  const limits = {
    maxBytes: Infinity,
    periods: byHand(1000),
    cut: new AbortController().signal,
    uploads: createActivity(),
  };
  const request = new Request("http://x", {
    method: "POST",
    body: ReadableStream.from([bytes]),
    headers: { "content-length": "65536" },
  });
  assert.deepEqual(await readBody(request, limits, buffers.open()), { ok: true, bytes });
  assert.equal(buffers.held.bodies, 65_536);
});

Deno.test("readBody() takes memory as the body arrives: 100 announced gibibytes take almost none", async () => {
  const before = Deno.memoryUsage().external;
  const buffers = createBuffers(Infinity);
  const uploads = Array.from({ length: 100 }, () => upload(buffers, 2 ** 30));
  await nextTurn();
  const taken = Deno.memoryUsage().external - before;
  assert.ok(taken < 10_000_000, `${taken} bytes`);
  for (const { periods, outcome } of uploads) {
    periods.over();
    assert.deepEqual(await outcome, { ok: false, refusal: "request_timeout" });
  }
});

Deno.test("readBody() lets a body that flows take many periods", async () => {
  const { outcome, send, periods } = upload(createBuffers(Infinity), 320_000, byHand(2000));
  for (let period = 0; period < 8; period++) {
    await send(40_000);
    if (period < 7) periods.over();
    assert.equal(periods.waiting, 1, "one deadline, started again at its end");
  }
  assert.ok((await outcome).ok);
  assert.equal(periods.waiting, 0);
});

Deno.test("readBody() gives up a body of which less than 16 KiB a second arrive in any period", async () => {
  const buffers = createBuffers(Infinity);
  const { outcome, send, periods } = upload(buffers, 320_000, byHand(2000));
  await send(2 * 16_384);
  periods.over();
  await send(2 * 16_384 - 1);
  periods.over();
  assert.deepEqual(await outcome, { ok: false, refusal: "request_timeout" });
  assert.equal(buffers.held.bodies, 0);
});

Deno.test("readBody() gives up an upload older than a period when the budget is short, not a younger one", async () => {
  const buffers = createBuffers(budget);
  const old = upload(buffers, 600_000);
  await old.send(500_000);
  const early = upload(buffers, 600_000);
  assert.deepEqual(await early.outcome, { ok: false, refusal: "buffers_full" });
  old.periods.over();
  const later = upload(buffers, 600_000);
  await later.send(500_000);
  assert.deepEqual(await old.outcome, { ok: false, refusal: "buffers_full" });
  await later.send(100_000);
  assert.ok((await later.outcome).ok);
  assert.equal(buffers.held.bodies, 600_000);
});

Deno.test("readBody() does not give up a body that has arrived whole", async () => {
  const buffers = createBuffers(budget);
  const old = upload(buffers, 600_000);
  await old.send(500_000);
  old.periods.over();
  await old.send(100_000);
  assert.ok((await old.outcome).ok);
  assert.deepEqual(await upload(buffers, 600_000).outcome, { ok: false, refusal: "buffers_full" });
  assert.equal(buffers.held.bodies, 600_000);
});

Deno.test("readBody() counts as an upload until the body is read or refused", async () => {
  const read = upload(createBuffers(Infinity), 1000);
  assert.equal(read.uploads.active, 1);
  await read.send(1000);
  assert.ok((await read.outcome).ok);
  assert.equal(read.uploads.active, 0);
  const slow = upload(createBuffers(Infinity), 1000);
  await nextTurn();
  slow.periods.over();
  await slow.outcome;
  assert.equal(slow.uploads.active, 0);
});

Deno.test("readBody() reads a small body that is there whole, whatever length its head announces", async () => {
  const bytes = new TextEncoder().encode("a small body");
  for (const announced of ["", "0", "1", "12", "13"]) {
    const buffers = createBuffers(Infinity);
    const uploads = createActivity();
    const cut = new AbortController().signal;
    const periods = byHand(1000);
    const request = new Request("http://x", {
      method: "POST",
      body: bytes,
      headers: announced === "" ? {} : { "content-length": announced },
    });
    const limits = { maxBytes: 100, periods, cut, uploads };
    assert.deepEqual(await readBody(request, limits, buffers.open()), { ok: true, bytes });
    assert.deepEqual([buffers.held.bodies, uploads.active, periods.waiting], [12, 0, 0], announced);
  }
});

Deno.test("readBody() reads a small body that comes with its head, after it, or in two pieces, on one connection", async () => {
  const lengths: number[] = [];
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => {
      const periods = byHand(1000);
      const cut = new AbortController().signal;
      const limits = { maxBytes: 100, periods, cut, uploads: createActivity() };
      const body = await readBody(request, limits, createBuffers(Infinity).open());
      assert.ok(body.ok);
      lengths.push(body.bytes.length);
      return new Response("read");
    },
  );
  using client = await Deno.connect({ hostname: "127.0.0.1", port: server.addr.port });
  const head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n";
  const body = "a small body";
  for (const pieces of [[head + body], [head, body], [head + body.slice(0, 5), body.slice(5)]]) {
    const before = lengths.length;
    for (const piece of pieces) {
      await client.write(new TextEncoder().encode(piece));
      await nextTurn();
    }
    const answer = new Uint8Array(1000);
    const length = await client.read(answer) ?? 0;
    assert.match(new TextDecoder().decode(answer.subarray(0, length)), /^HTTP\/1.1 200 [^]*read$/);
    assert.equal(lengths.length, before + 1);
  }
  assert.deepEqual(lengths, [12, 12, 12]);
});
