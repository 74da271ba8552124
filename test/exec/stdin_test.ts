import assert from "node:assert/strict";
import { copyToStdin } from "../../src/exec/stdin.ts";
import type { RegularFile } from "../../src/spool/regular_file.ts";

/** A file with this content, which reports what is done with it. */
function fileOf(content: Uint8Array, other: Partial<RegularFile> = {}) {
  const seen = { read: 0, closed: 0 };
  const file: RegularFile = {
    length: content.length,
    read(into) {
      const piece = content.subarray(seen.read, seen.read + into.length);
      into.set(piece);
      seen.read += piece.length;
      return Promise.resolve(piece.length);
    },
    close: () => void seen.closed++,
    ...other,
  };
  return { file, seen };
}

/** A pipe that takes everything, and keeps it. */
function openPipe(write: () => void | Promise<void> = () => {}) {
  const pieces: Uint8Array[] = [];
  let closed = false;
  const stream = new WritableStream<Uint8Array<ArrayBuffer>>({
    async write(bytes) {
      pieces.push(bytes.slice());
      await write();
    },
    close: () => void (closed = true),
  });
  return {
    stream,
    get bytes() {
      return pieces.flatMap((piece) => [...piece]);
    },
    get pieces() {
      return pieces.length;
    },
    get closed() {
      return closed;
    },
  };
}

Deno.test("copyToStdin() copies a file piece by piece, byte for byte, and closes both", async () => {
  for (const [length, pieces] of [[0, 0], [1, 1], [256 * 1024, 1], [600_000, 3]] as const) {
    const content = Uint8Array.from({ length }, (_, index) => index % 251);
    const { file, seen } = fileOf(content);
    const pipe = openPipe();
    const copy = copyToStdin(file, pipe.stream);
    await copy.done;
    assert.ok(copy.ended);
    assert.deepEqual(pipe.bytes, [...content]);
    assert.deepEqual([pipe.pieces, pipe.closed, seen.closed], [pieces, true, 1]);
    assert.equal(copy.failure, undefined);
  }
});

Deno.test("copyToStdin() copies what the file held at first, though the command may append to it", async () => {
  const { file } = fileOf(new Uint8Array(10), { length: 4 });
  const pipe = openPipe();
  await copyToStdin(file, pipe.stream).done;
  assert.equal(pipe.bytes.length, 4);
  const shorter = fileOf(new Uint8Array(3), { length: 4 });
  const other = openPipe();
  const copy = copyToStdin(shorter.file, other.stream);
  await copy.done;
  assert.equal(other.bytes.length, 3);
  assert.equal(copy.failure, undefined);
});

Deno.test("copyToStdin() reads no further and has not failed when nobody reads the pipe any more", async () => {
  const { file, seen } = fileOf(new Uint8Array(10_000_000));
  const pipe = openPipe(() => Promise.reject(new Deno.errors.BrokenPipe()));
  const copy = copyToStdin(file, pipe.stream);
  await copy.done;
  assert.ok(seen.read < 1_000_000);
  assert.deepEqual([seen.closed, copy.ended, copy.failure], [1, true, undefined]);
});

Deno.test("copyToStdin() writes nothing after stop(), and closes the file when the pending write is over", async () => {
  const { file, seen } = fileOf(new Uint8Array(10_000_000));
  const writing = Promise.withResolvers<void>();
  const written = Promise.withResolvers<void>();
  const pipe = openPipe(() => {
    writing.resolve();
    return written.promise;
  });
  const copy = copyToStdin(file, pipe.stream);
  await writing.promise;
  copy.stop();
  assert.deepEqual([copy.ended, seen.closed], [false, 0]);
  written.resolve();
  await copy.done;
  assert.deepEqual([pipe.pieces, pipe.closed, seen.closed], [1, true, 1]);
});

Deno.test("copyToStdin() ends the pipe and says why when the file cannot be read", async () => {
  const failure = new Error("Input/output error");
  const { file, seen } = fileOf(new Uint8Array(10), { read: () => Promise.reject(failure) });
  const pipe = openPipe();
  const copy = copyToStdin(file, pipe.stream);
  await copy.done;
  assert.equal(copy.failure, failure);
  assert.deepEqual([pipe.closed, seen.closed], [true, 1]);
});
