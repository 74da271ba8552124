import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createActivity } from "../../../src/http/activity.ts";
import { createBuffers } from "../../../src/http/body/buffers.ts";
import { readBodyToDisk } from "../../../src/http/body/file.ts";
import { maxChunkedBytes } from "../../../src/http/body/reading.ts";
import { DiskFullError } from "../../../src/spool/inbox.ts";
import type { ContentDigest } from "../../../src/wire/content_digest.ts";
import { byHand } from "../../support/deadlines.ts";
import { diskShare, type FileWork, inboxInMemory } from "../../support/inbox.ts";
import { nextTurn } from "../../support/turn.ts";
import { uploadTo } from "../../support/upload.ts";

/** What differs from a spool that takes everything. */
interface Setup extends FileWork {
  readonly diskBytes?: number;
  readonly budget?: number;
  readonly digest?: ContentDigest;
}

function setUp({ diskBytes, budget = Infinity, digest, ...work }: Setup = {}) {
  const { inbox, ...stored } = inboxInMemory(work);
  const disk = diskShare(diskBytes);
  const buffers = createBuffers(budget);
  const read = (request: Request, limits: Parameters<typeof readBodyToDisk>[1]) =>
    readBodyToDisk(request, limits, share, { disk, inbox, digest });
  const share = buffers.open();
  return {
    ...stored,
    disk,
    buffers,
    /** A body whose length is announced; it comes when the test says so. */
    upload: (length: number) =>
      uploadTo((request, limits) => read(request, limits), buffers, length, byHand(1000)),
    /** A body of unknown length in these pieces. */
    async readPieces(
      pieces: readonly Uint8Array<ArrayBuffer>[],
      headers = {},
      maxBytes = Infinity,
    ) {
      let canceled = false;
      const left = [...pieces];
      const body = new ReadableStream({
        pull(controller) {
          const piece = left.shift();
          if (piece) controller.enqueue(piece);
          else controller.close();
        },
        cancel: () => void (canceled = true),
      }, { highWaterMark: 0 });
      const outcome = await read(new Request("http://x", { method: "POST", body, headers }), {
        maxBytes,
        periods: byHand(1000),
        cut: new AbortController().signal,
        uploads: createActivity(),
      });
      return { outcome, canceled, unread: left.length };
    },
  };
}

Deno.test("readBodyToDisk() writes a body of any length to a file whole", async () => {
  for (const bytes of [1000, 64_000, 66_000, 3_000_000]) {
    const { upload, files, expected } = setUp();
    const { outcome, send } = upload(bytes);
    for (let sent = 0; sent < bytes; sent += bytes / 10) await send(bytes / 10);
    assert.deepEqual(await outcome, { ok: true, length: bytes });
    const sent = Array.from({ length: 10 }, (_, at) => ((at + 1) * bytes / 10_000) % 256 | 0);
    const body = files.get("body");
    assert.equal(body?.length, bytes);
    body?.forEach((byte, at) => {
      if (byte !== sent[Math.floor(at / (bytes / 10))]) assert.fail(`${byte} at ${at} of ${bytes}`);
    });
    assert.deepEqual(expected, [bytes]);
  }
});

Deno.test("readBodyToDisk() writes a long body whose stream is not one of bytes", async () => {
  const piece = crypto.getRandomValues(new Uint8Array(65_536));
  for (const count of [1, 40]) {
    const { readPieces, files, buffers } = setUp();
    const length = count * piece.length;
    const pieces = Array.from({ length: count }, () => piece);
    const { outcome } = await readPieces(pieces, { "content-length": String(length) });
    assert.deepEqual(outcome, { ok: true, length });
    assert.deepEqual(files.get("body"), new Uint8Array(await new Blob(pieces).arrayBuffer()));
    assert.equal(buffers.held.bodies, 0);
  }
});

Deno.test("readBodyToDisk() makes an empty file for an empty body, and for a request without one", async () => {
  const { readPieces, files } = setUp();
  assert.deepEqual((await readPieces([])).outcome, { ok: true, length: 0 });
  assert.equal(files.get("body")?.length, 0);
  const { inbox, files: others } = inboxInMemory();
  const limits = {
    maxBytes: 0,
    periods: byHand(1000),
    cut: new AbortController().signal,
    uploads: createActivity(),
  };
  const request = new Request("http://x", { method: "POST" });
  const share = createBuffers(0).open();
  assert.deepEqual(await readBodyToDisk(request, limits, share, { disk: diskShare(0), inbox }), {
    ok: true,
    length: 0,
  });
  assert.equal(others.get("body")?.length, 0);
});

Deno.test("readBodyToDisk() holds at most a mebibyte of a body, and nothing when it is written", async () => {
  const { upload, buffers } = setUp();
  const { outcome, send } = upload(8_000_000);
  await nextTurn();
  assert.ok(buffers.held.bodies <= 16_384, `${buffers.held.bodies} before the first byte`);
  for (let sent = 0; sent < 8_000_000; sent += 1_000_000) {
    await send(1_000_000);
    assert.ok(buffers.held.bodies <= 2 ** 20, `${buffers.held.bodies}`);
  }
  assert.ok((await outcome).ok);
  assert.equal(buffers.held.bodies, 0);
});

Deno.test("readBodyToDisk() takes disk space for an announced length before the first byte", async () => {
  const { upload, disk } = setUp({ diskBytes: 100_000 });
  const { outcome, send } = upload(100_000);
  await nextTurn();
  assert.equal(disk.taken, 100_000);
  await send(100_000);
  assert.ok((await outcome).ok);
  assert.equal(disk.taken, 100_000);
});

Deno.test("readBodyToDisk() reads nothing of a body for whose length the spool has no room", async () => {
  const { upload, disk, buffers, files, expected } = setUp({ diskBytes: 99_999 });
  const refused = upload(100_000);
  assert.deepEqual(await refused.outcome, { ok: false, refusal: "spool_full" });
  assert.ok(refused.canceled);
  assert.equal(disk.taken + buffers.held.bodies + files.size + expected.length, 0);
});

Deno.test("readBodyToDisk() takes disk space for a body of unknown length as it arrives", async () => {
  const { readPieces, disk } = setUp({ diskBytes: 2500 });
  const { outcome, unread } = await readPieces(Array(5).fill(new Uint8Array(1000)));
  assert.deepEqual(outcome, { ok: false, refusal: "spool_full" });
  assert.equal(unread, 2);
  assert.equal(disk.taken, 2000);
});

Deno.test("readBodyToDisk() waits for the file before it reads on", async () => {
  const written = Promise.withResolvers<void>();
  let writes = 0;
  const { upload } = setUp({
    write() {
      writes++;
      return written.promise;
    },
  });
  const { outcome, send } = upload(200_000);
  const sent = send(100_000);
  for (let turn = 0; turn < 5; turn++) await nextTurn();
  assert.equal(writes, 1);
  written.resolve();
  await sent;
  await send(100_000);
  assert.ok((await outcome).ok);
  assert.ok(writes > 2);
});

Deno.test("readBodyToDisk() says why a file could not be written, and reads no more", async () => {
  const full = () => Promise.reject(new DiskFullError("no space"));
  const broken = () => Promise.reject(new Error("I/O error"));
  for (const step of ["open", "write", "end"] as const) {
    for (
      const [fail, refusal] of [
        [full, { refusal: "disk_full" }],
        [broken, { refusal: "spool_unusable", reason: "Error: I/O error" }],
      ] as const
    ) {
      const { readPieces, buffers } = setUp({ [step]: fail });
      const { outcome, canceled } = await readPieces(Array(3).fill(new Uint8Array(1000)));
      assert.deepEqual(outcome, { ok: false, ...refusal }, step);
      assert.equal(canceled, step !== "end", step);
      assert.equal(buffers.held.bodies, 0);
    }
  }
});

Deno.test("readBodyToDisk() checks the digest of what it has read", async () => {
  const pieces = [new Uint8Array(1000).fill(1), new Uint8Array(1000).fill(2)];
  for (const algorithm of ["sha-256", "sha-512"] as const) {
    const hash = createHash(algorithm.replace("-", ""));
    for (const piece of pieces) hash.update(piece);
    const bytes = new Uint8Array(hash.digest());
    const right = setUp({ digest: { algorithm, bytes } });
    assert.deepEqual((await right.readPieces(pieces)).outcome, { ok: true, length: 2000 });
    const wrong = setUp({ digest: { algorithm, bytes } });
    const { outcome } = await wrong.readPieces(pieces.toReversed());
    assert.deepEqual(outcome, { ok: false, refusal: "digest_mismatch" });
    assert.equal(wrong.files.size, 0);
    assert.equal(wrong.buffers.held.bodies, 0);
  }
});

Deno.test("readBodyToDisk() refuses what readBody() refuses", async () => {
  const { readPieces } = setUp();
  const piece = new Uint8Array(1000);
  const refusals = [
    await readPieces([piece], { "content-encoding": "gzip" }),
    await readPieces([piece], { "content-length": "5, 5" }),
    await readPieces([piece], { "content-length": "1001" }, 1000),
    await readPieces([piece, piece], {}, 1999),
  ].map(({ outcome }) => "refusal" in outcome && outcome.refusal);
  assert.deepEqual(refusals, ["unsupported_encoding", "body_unreadable", "too_large", "too_large"]);
  assert.deepEqual(await setUp({ budget: 0 }).upload(1000).outcome, {
    ok: false,
    refusal: "buffers_full",
  });
});

Deno.test("readBodyToDisk() breaks off a slow body, and one that the server cannot wait for", async () => {
  for (
    const [end, refusal] of [
      [({ periods }) => periods.over(), "request_timeout"],
      [({ cut }) => cut.abort(), "draining"],
      [({ breakOff }) => breakOff(), "client_gone"],
    ] as readonly [(body: ReturnType<ReturnType<typeof setUp>["upload"]>) => void, string][]
  ) {
    const { upload, buffers } = setUp();
    const body = upload(100_000);
    await body.send(1000);
    assert.equal(body.uploads.active, 1);
    end(body);
    assert.deepEqual(await body.outcome, { ok: false, refusal });
    assert.equal(body.uploads.active, 0);
    assert.equal(buffers.held.bodies, 0);
  }
});

Deno.test("readBodyToDisk() leaves a chunked body alone, without canceling it, beyond the limits", async () => {
  const chunked = { "transfer-encoding": "chunked" };
  const tiny = await setUp().readPieces(Array(1100).fill(new Uint8Array(1)), chunked);
  assert.deepEqual(tiny.outcome, { ok: false, refusal: "length_required" });
  assert.equal(tiny.canceled, false);
  const half = new Uint8Array(maxChunkedBytes / 2);
  const large = await setUp().readPieces([half, half, new Uint8Array(1)], chunked);
  assert.deepEqual(large.outcome, { ok: false, refusal: "length_required" });
  assert.equal(large.canceled, false);
  const most = await setUp().readPieces([half, half], chunked);
  assert.deepEqual(most.outcome, { ok: true, length: maxChunkedBytes });
});
