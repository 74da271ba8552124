import assert from "node:assert/strict";
import { type Buffers, createBuffers, type Share } from "../../../src/http/body/buffers.ts";

/** A share whose body was announced and holds so many bytes. */
function holding(buffers: Buffers, bytes: number, announced = bytes): Share {
  const share = buffers.open();
  share.expect(announced);
  assert.ok(share.resize(bytes));
  return share;
}

Deno.test("what is announced is not held, what has arrived is", () => {
  const buffers = createBuffers(1_000_000);
  const announced = Array.from({ length: 100 }, () => holding(buffers, 0, 900_000));
  assert.deepEqual(buffers.held, { bodies: 0, captures: 0, answers: 0 });
  assert.ok(announced[0]?.resize(900_000));
  assert.equal(announced[1]?.resize(1), false);
  assert.equal(buffers.held.bodies, 900_000);
  announced[0]?.release();
  announced[0]?.release();
  assert.equal(buffers.held.bodies, 0);
});

Deno.test("a body for which there is no room now is refused before it comes", () => {
  const buffers = createBuffers(1_000_000);
  const first = holding(buffers, 500_000);
  assert.equal(buffers.open().expect(400_001), false);
  assert.ok(buffers.open().expect(400_000));
  first.lend(() => {});
  assert.ok(buffers.open().expect(900_000), "what is lent can be had");
});

Deno.test("a tenth is kept for bodies of up to 64 KiB", () => {
  const buffers = createBuffers(1_000_000);
  holding(buffers, 900_000);
  assert.equal(buffers.open().expect(65_537), false);
  const large = buffers.open();
  assert.equal(large.resize(1), true, "nobody knows yet how large it is");
  assert.equal(large.resize(65_537), false);
  large.release();
  holding(buffers, 65_536);
  holding(buffers, 34_464);
  assert.equal(buffers.open().expect(1), false);
});

Deno.test("a body that announced more than 64 KiB has no part in the tenth from its first byte on", () => {
  const buffers = createBuffers(1_000_000);
  const large = buffers.open();
  assert.ok(large.expect(800_000));
  holding(buffers, 900_000);
  assert.equal(large.resize(1), false);
});

Deno.test("the largest body is what would fit into an empty budget", () => {
  for (const limit of [10, 65_536, 70_000, 72_818, 1_000_000]) {
    const { largestBody } = createBuffers(limit);
    const share = createBuffers(limit).open();
    assert.ok(share.expect(largestBody), `${largestBody} of ${limit}`);
    assert.equal(share.expect(largestBody + 1), false);
  }
  assert.equal(createBuffers(Infinity).largestBody, Infinity);
});

Deno.test("when the budget is short, uploads that have had their time go, the oldest first, and no more than needed", () => {
  const buffers = createBuffers(1_000_000);
  const gone: string[] = [];
  for (const name of ["first", "second", "third"]) {
    holding(buffers, 300_000).lend(() => gone.push(name));
  }
  const young = buffers.open();
  assert.ok(young.resize(400_000));
  assert.deepEqual(gone, ["first", "second"]);
  assert.equal(buffers.held.bodies, 700_000);
});

Deno.test("none goes when that would not be enough", () => {
  const buffers = createBuffers(1_000_000);
  holding(buffers, 500_000);
  holding(buffers, 300_000).lend(() => assert.fail("it is let go in vain"));
  assert.equal(buffers.open().resize(500_000), false);
  assert.equal(buffers.held.bodies, 800_000);
});

Deno.test("who is the oldest does not have younger ones let go, and none goes that is complete", () => {
  const buffers = createBuffers(1_000_000);
  const oldest = holding(buffers, 300_000);
  const younger = holding(buffers, 300_000);
  const complete = holding(buffers, 300_000);
  oldest.lend(() => assert.fail("it asked itself"));
  younger.lend(() => assert.fail("it is younger"));
  complete.lend(() => assert.fail("it is complete"));
  complete.keep();
  assert.equal(oldest.resize(400_000), false);
});

Deno.test("captures become answers, and these go as they are taken", () => {
  const buffers = createBuffers(1_000_000);
  const share = buffers.open();
  share.captured(300);
  share.captured(100);
  assert.deepEqual(buffers.held, { bodies: 0, captures: 400, answers: 0 });
  share.answer();
  assert.deepEqual(buffers.held, { bodies: 0, captures: 0, answers: 400 });
  share.taken(300);
  assert.deepEqual(buffers.held, { bodies: 0, captures: 0, answers: 100 });
  share.release();
  share.release();
  assert.deepEqual(buffers.held, { bodies: 0, captures: 0, answers: 0 });
});

Deno.test("captures and answers take room from bodies, but never more than half of the budget", () => {
  const buffers = createBuffers(1_000_000);
  const result = buffers.open();
  result.captured(200_000);
  assert.equal(buffers.open().expect(700_001), false);
  result.answer();
  buffers.open().captured(9_000_000);
  assert.ok(buffers.open().expect(400_000));
  assert.equal(buffers.open().expect(400_001), false);
  for (let count = 0; count < 7; count++) holding(buffers, 64_000);
  assert.ok(buffers.open().expect(52_000), "half of it is there for jobs");
});
