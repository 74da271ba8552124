import assert from "node:assert/strict";
import { LiveCommand, type LiveCommandParts } from "../../src/app/live_command.ts";
import { Seats } from "../../src/exec/warm/seats.ts";
import { onlyCommandOf } from "../support/machine.ts";
import { dispatchByHand } from "../support/dispatch.ts";

/** A version of a command whose pool is plain data, and the versions that were reported as unused. */
function liveCommand(dispatch = dispatchByHand({ size: 1, places: 1 })) {
  const unused: LiveCommand[] = [];
  const config = {
    ...onlyCommandOf({ JOBRUNNER_CMD: "/bin/date" }),
    name: "pdf",
    maxRequestBytes: 7,
    onDisconnect: "finish" as const,
  };
  const parts: LiveCommandParts = {
    version: 3,
    config,
    start: { name: "pdf", launcher: undefined, env: {} },
    pool: {
      config: { name: "office", numWorkers: 1, queueLimit: 1, queueTimeoutMs: Infinity },
      queueLimit: 1,
      dispatch,
      seats: new Seats(),
      resize: () => assert.fail("no pool is resized"),
      close: () => assert.fail("no pool is closed"),
    },
    names: { command: "pdf", pool: "office" },
    // It runs nothing.
    settings: undefined as unknown as LiveCommandParts["settings"],
    warm: undefined,
  };
  return { command: new LiveCommand(parts, (command) => unused.push(command)), dispatch, unused };
}

Deno.test("LiveCommand shows requests the configuration of its version", () => {
  const { command } = liveCommand();
  const { name, names, version, onDisconnect, maxRequestBytes } = command;
  assert.deepEqual({ name, names, version, onDisconnect, maxRequestBytes }, {
    name: "pdf",
    names: { command: "pdf", pool: "office" },
    version: 3,
    onDisconnect: "finish",
    maxRequestBytes: 7,
  });
});

Deno.test("LiveCommand is in use until the last request has released it, and reports that each time", () => {
  const { command, unused } = liveCommand();
  assert.equal(command.inUse, false);
  assert.equal(command.use(), command);
  command.use();
  command.release();
  assert.deepEqual([command.inUse, unused], [true, []]);
  command.release();
  assert.deepEqual([command.inUse, unused], [false, [command]]);
  command.use().release();
  assert.deepEqual(unused, [command, command]);
});

Deno.test("LiveCommand gives places in the queue of its pool, until that is full", async () => {
  const { command, dispatch } = liveCommand();
  const running = dispatch.submit("a");
  const place = await command.reserve({ command: "pdf" });
  assert.ok(place.reserved);
  const refused = await command.reserve({ command: "pdf" });
  assert.ok(!refused.reserved);
  assert.equal(refused.cause, "queue_full");
  assert.equal(command.retryAfterSec(), dispatch.line.retryAfterSec());
  assert.equal(command.waiting, refused.waiting);
  place.leave();
  await Promise.resolve();
  dispatch.end("a");
  await running;
  await dispatch.close();
});
