import assert from "node:assert/strict";
import fc from "fast-check";
import { type Buffers, createBuffers, type Share } from "../../../src/http/body/buffers.ts";

/** A share whose body was announced and holds so many bytes. */
function holding(buffers: Buffers, bytes: number, announced = bytes): Share {
  const share = buffers.open();
  share.expect(announced);
  assert.ok(share.resize(bytes));
  return share;
}

Deno.test("createBuffers() counts as held what has arrived, not what is announced", () => {
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

Deno.test("createBuffers() refuses a body for which there is no room now before the body arrives", () => {
  const buffers = createBuffers(1_000_000);
  const first = holding(buffers, 500_000);
  assert.equal(buffers.open().expect(400_001), false);
  assert.ok(buffers.open().expect(400_000));
  first.lend(() => {});
  assert.ok(buffers.open().expect(900_000), "lent bytes count as free");
});

Deno.test("createBuffers() keeps a tenth for bodies of up to 64 KiB", () => {
  const buffers = createBuffers(1_000_000);
  holding(buffers, 900_000);
  assert.equal(buffers.open().expect(65_537), false);
  const large = buffers.open();
  assert.equal(large.resize(1), true, "its size is not known yet");
  assert.equal(large.resize(65_537), false);
  large.release();
  holding(buffers, 65_536);
  holding(buffers, 34_464);
  assert.equal(buffers.open().expect(1), false);
});

Deno.test("createBuffers() gives a body announced with more than 64 KiB no part of the tenth", () => {
  const buffers = createBuffers(1_000_000);
  const large = buffers.open();
  assert.ok(large.expect(800_000));
  holding(buffers, 900_000);
  assert.equal(large.resize(1), false);
});

Deno.test("createBuffers() has as largestBody what would fit into an empty budget", () => {
  for (const limit of [10, 65_536, 70_000, 72_818, 1_000_000]) {
    const { largestBody } = createBuffers(limit);
    const share = createBuffers(limit).open();
    assert.ok(share.expect(largestBody), `${largestBody} of ${limit}`);
    assert.equal(share.expect(largestBody + 1), false);
  }
  assert.equal(createBuffers(Infinity).largestBody, Infinity);
});

Deno.test("createBuffers() gives up lent uploads when the budget is short, oldest first, as few as needed", () => {
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

Deno.test("createBuffers() gives up no upload when that would not be enough", () => {
  const buffers = createBuffers(1_000_000);
  holding(buffers, 500_000);
  holding(buffers, 300_000).lend(() => assert.fail("it is given up in vain"));
  assert.equal(buffers.open().resize(500_000), false);
  assert.equal(buffers.held.bodies, 800_000);
});

Deno.test("createBuffers() gives up no younger upload for the oldest one, and no complete one", () => {
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

Deno.test("createBuffers() turns captures into answers, and releases these as they are taken", () => {
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

Deno.test("createBuffers() lets captures and answers take room from bodies, at most half of the budget", () => {
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

Deno.test("setLimit() judges later bodies by the new limit, and what is held stays held", () => {
  const buffers = createBuffers(1_000_000);
  const early = holding(buffers, 800_000);
  early.lend(() => assert.fail("a smaller limit gives up no upload by itself"));
  early.keep();
  buffers.setLimit(500_000);
  assert.deepEqual(buffers.held, { bodies: 800_000, captures: 0, answers: 0 });
  assert.equal(early.resize(800_001), false);
  assert.ok(early.resize(700_000), "it may become smaller");
  assert.equal(buffers.open().expect(1), false);
  early.release();
  assert.ok(buffers.open().expect(450_000));
  assert.equal(buffers.open().expect(450_001), false);
  buffers.setLimit(2_000_000);
  assert.ok(buffers.open().expect(1_800_000));
});

Deno.test("setLimit() makes a budget like a new one of that limit, for every limit and whatever is held", () => {
  const limits = fc.oneof(fc.nat(3_000_000), fc.constant(Infinity));
  const sizes = fc.array(fc.nat(400_000), { maxLength: 5 });
  fc.assert(fc.property(limits, limits, sizes, fc.nat(3_000_000), (before, after, held, body) => {
    const changed = createBuffers(before);
    const shares = held.map((bytes) => {
      const share = changed.open();
      share.captured(bytes);
      return share;
    });
    changed.setLimit(after);
    const fresh = createBuffers(after);
    for (const bytes of held) fresh.open().captured(bytes);
    assert.equal(changed.largestBody, fresh.largestBody);
    assert.deepEqual(changed.held, fresh.held);
    assert.equal(changed.open().resize(body), fresh.open().resize(body));
    assert.deepEqual(changed.held, fresh.held);
    for (const share of shares) share.release();
    assert.equal(changed.held.captures, 0);
  }));
});
