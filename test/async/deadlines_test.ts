import assert from "node:assert/strict";
import { createDeadlines } from "../../src/async/deadlines.ts";

Deno.test("createDeadlines() calls back in order, and not for a deadline that was canceled before", async () => {
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

Deno.test("createDeadlines() calls back at each deadline's own time, with one timer for all", async () => {
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

Deno.test("createDeadlines() gives a deadline that is started in a callback its whole time", async () => {
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

Deno.test("createDeadlines() without a time limit never calls back", () => {
  createDeadlines(Infinity).start(() => assert.fail("it was called"))();
});

Deno.test("createDeadlines() calls nothing back and keeps no timer once it is disposed of", () => {
  const deadlines = createDeadlines(1);
  deadlines.start(() => assert.fail("it was called"));
  deadlines[Symbol.dispose]();
});

Deno.test("createDeadlines() can keep no timer while nothing waits, and starts one again", async () => {
  const deadlines = createDeadlines(5, undefined, "clear");
  const [end, other] = [deadlines.start(() => assert.fail()), deadlines.start(() => assert.fail())];
  end();
  other();
  const over = Promise.withResolvers<void>();
  deadlines.start(over.resolve);
  end();
  await over.promise;
  const last = deadlines.start(() => assert.fail());
  last();
  last();
});

Deno.test("waiting of createDeadlines() counts the deadlines that may still end", async () => {
  let time = 0;
  const deadlines = createDeadlines(1, () => time);
  const over = Promise.withResolvers<void>();
  const end = deadlines.start(() => assert.fail("it was called"));
  deadlines.start(() => over.resolve());
  assert.equal(deadlines.waiting, 2);
  end();
  assert.equal(deadlines.waiting, 1);
  time = 1;
  await over.promise;
  assert.equal(deadlines.waiting, 0);
  deadlines.start(() => assert.fail("it was called"));
  deadlines[Symbol.dispose]();
  assert.equal(deadlines.waiting, 0);
});
