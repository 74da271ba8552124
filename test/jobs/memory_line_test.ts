import assert from "node:assert/strict";
import { mostArriving } from "../../src/jobs/line.ts";
import { createMemoryLine } from "../../src/jobs/memory_line.ts";
import { ranOf, specOf } from "../support/jobs.ts";
import { testLine } from "../support/line_suite.ts";

testLine({
  name: "createMemoryLine()",
  open({ workers, places, queueTimeoutMs = Infinity }) {
    let clock = 0;
    const line = createMemoryLine({ workers, places, queueTimeoutMs }, () => clock);
    return {
      line,
      pass: (ms) => void (clock += ms),
      [Symbol.asyncDispose]: () => Promise.resolve(void line.cut()),
    };
  },
  about: { command: "default" },
  bound: ({ workers, places }) => workers + places,
  mostArriving,
  order: (filled) => filled,
});

Deno.test("createMemoryLine() gives a place or a refusal synchronously", () => {
  const line = createMemoryLine({ workers: 1, places: 0, queueTimeoutMs: Infinity });
  const place = line.reserve({ command: "default" });
  assert.ok(place.reserved);
  assert.ok(!line.reserve({ command: "default" }).reserved);
  place.fill(specOf("a"));
  assert.equal(line.waiting, 1);
  line.cut();
  assert.equal(line.waiting, 0);
});

Deno.test("createMemoryLine() lets a released job wait as long as if it were new", async () => {
  let clock = 0;
  const settings = { workers: 1, places: 1, queueTimeoutMs: 20 };
  const line = createMemoryLine(settings, () => clock);
  const places = ["released", "waits"].map((id) => {
    const place = line.reserve({ command: "default" });
    assert.ok(place.reserved);
    return place.fill(specOf(id));
  });
  const lease = await line.take();
  clock = 15;
  lease?.release();
  clock = 25;
  assert.equal((await places[1])?.kind, "left");
  assert.equal(line.waiting, 1, "the released job is still there");
  line.cut();
});

Deno.test("createMemoryLine() keeps no timer once it is closed and empty", async () => {
  const line = createMemoryLine({ workers: 1, places: 0, queueTimeoutMs: 60_000 });
  const place = line.reserve({ command: "default" });
  assert.ok(place.reserved);
  const outcome = place.fill(specOf("a"));
  line.close();
  const lease = await line.take();
  lease?.settle(ranOf(lease.spec));
  // The sanitizers fail the test if a timer is left.
  assert.equal((await outcome).kind, "ran");
});

Deno.test("createMemoryLine() leaves no listener of a finished job on its client's signal", async () => {
  const listeners = new Set<unknown>();
  const signal = new AbortController().signal;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: [string, EventListener]) => {
    listeners.add(args[1]);
    addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (...args: [string, EventListener]) => {
    listeners.delete(args[1]);
    removeEventListener.apply(signal, args);
  };
  const line = createMemoryLine({ workers: 1, places: 1, queueTimeoutMs: Infinity });
  const place = line.reserve({ command: "default" }, signal);
  assert.ok(place.reserved);
  assert.equal(listeners.size, 1);
  place.leave();
  await place.fill(specOf("a"));
  assert.equal(listeners.size, 0);
});
