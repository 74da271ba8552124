import assert from "node:assert/strict";
import { follow } from "../../src/cli/follow.ts";
import { eventsAnswer } from "../support/run_server.ts";

Deno.test("follow() shows a place in the queue only while there is one", async () => {
  const { body } = eventsAnswer([
    { event: "queued", place: 0 },
    { event: "queued", place: 2 },
    { event: "started", worker_id: 1, pid: 1 },
    { event: "exit", id: "a", exit_status: 0, data: "" },
  ]);
  assert.ok(body);
  const shown: unknown[] = [];
  await follow(body, {
    url: "http://x",
    wantsData: false,
    progress: {
      sent() {},
      waiting() {},
      queued: (place) => void shown.push(place),
      started: () => void shown.push("started"),
      reached() {},
      makeRoom() {},
      [Symbol.dispose]() {},
    },
  });
  assert.deepEqual(shown, [2, "started"]);
});
