import assert from "node:assert/strict";
import { createDeadlines } from "../../src/async/deadlines.ts";

Deno.test("what is over is told in order, what was ended before is not", async () => {
  const deadlines = createDeadlines(5);
  const told: string[] = [];
  const last = Promise.withResolvers<void>();
  deadlines.start(() => told.push("first"));
  const end = deadlines.start(() => told.push("ended"));
  deadlines.start(() => {
    told.push("last");
    last.resolve();
  });
  end();
  end();
  await last.promise;
  assert.deepEqual(told, ["first", "last"]);
});

Deno.test("nothing is told before its own time, though there is one timer for all", async () => {
  let time = 0;
  const deadlines = createDeadlines(10, () => time);
  const first = Promise.withResolvers<void>();
  const second = Promise.withResolvers<void>();
  let over = 0;
  deadlines.start(() => {
    over++;
    first.resolve();
  });
  time = 5;
  deadlines.start(() => {
    over++;
    second.resolve();
  });
  time = 10;
  await first.promise;
  assert.equal(over, 1);
  time = 15;
  await second.promise;
});

Deno.test("who starts again at its end waits for a whole time more", async () => {
  let time = 0;
  const deadlines = createDeadlines(10, () => time);
  const told: number[] = [];
  const twice = Promise.withResolvers<void>();
  deadlines.start(() => {
    told.push(time);
    deadlines.start(() => {
      told.push(time);
      twice.resolve();
    });
    time = 20;
  });
  time = 10;
  await twice.promise;
  assert.deepEqual(told, [10, 20]);
});

Deno.test("without an end nothing is started", () => {
  createDeadlines(Infinity).start(() => assert.fail("it was told"))();
});

Deno.test("disposed of, it tells nobody and keeps no timer", () => {
  const deadlines = createDeadlines(1);
  deadlines.start(() => assert.fail("it was told"));
  deadlines[Symbol.dispose]();
});
