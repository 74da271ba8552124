import assert from "node:assert/strict";
import { createDisk } from "../../src/spool/disk.ts";

Deno.test("take() of a share takes what there is room for in the limit of all shares, or nothing", () => {
  const disk = createDisk(10);
  const [one, other] = [disk.open(), disk.open()];
  assert.ok(one.take(4));
  assert.ok(other.take(5));
  assert.equal(one.take(2), false);
  assert.equal(disk.held, 9);
  assert.ok(one.take(1));
  assert.equal(disk.held, 10);
  assert.equal(other.take(1), false);
  assert.ok(other.take(0));
});

Deno.test("takeBody() of a share leaves a tenth of the limit to outputs", () => {
  const disk = createDisk(100);
  assert.equal(disk.largestBody, 90);
  const [body, output] = [disk.open(), disk.open()];
  assert.equal(body.takeBody(91), false);
  assert.ok(body.takeBody(90));
  assert.equal(body.takeBody(1), false);
  assert.ok(output.take(10));
  assert.equal(output.take(1), false);
  body.release();
  assert.ok(body.takeBody(0) === false && output.takeBody(80));
  assert.equal(createDisk(Infinity).largestBody, Infinity);
});

Deno.test("release() of a share gives back what that share holds, once, and it takes nothing afterwards", () => {
  const disk = createDisk(10);
  const [one, other] = [disk.open(), disk.open()];
  one.take(4);
  other.take(5);
  one.release();
  assert.equal(disk.held, 5);
  one.release();
  assert.equal(disk.held, 5);
  assert.equal(one.take(1), false);
  assert.equal(disk.held, 5);
});

Deno.test("setLimit() leaves what is held, and holds for what is taken afterwards", () => {
  const disk = createDisk(Infinity);
  const share = disk.open();
  assert.ok(share.take(2 ** 50));
  disk.setLimit(10);
  assert.equal(disk.held, 2 ** 50);
  assert.equal(share.take(1), false);
  disk.setLimit(2 ** 50 + 1);
  assert.ok(share.take(1));
});
