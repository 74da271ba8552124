import assert from "node:assert/strict";
import { openSharedQueue } from "../../src/app/shared_queue.ts";
import { StartError } from "../../src/isolate/start_error.ts";
import { createRecent } from "../../src/telemetry/recent.ts";
import { groupConfig } from "../support/cluster.ts";
import { expose } from "../support/exposition.ts";
import { greetingOf, startFakeNats } from "../support/fake_nats.ts";

const old = greetingOf("2.9.10");

function open(servers: readonly string[]) {
  const { exposition, metrics } = expose();
  return openSharedQueue({ ...groupConfig, servers }, { credentials: { kind: "none" } }, {
    exposition,
    metrics,
    log: { write() {}, flush: () => Promise.resolve() },
    recent: { queuedSec: createRecent(), elapsedSec: createRecent() },
    tracing: {
      begin: () => assert.fail(),
      beginRun: () => assert.fail(),
      waited: () => assert.fail(),
      close: () => Promise.resolve(),
    },
    named: false,
  });
}

Deno.test("openSharedQueue() starts if one of the servers can be used, whichever is tried first", async () => {
  await using bad = startFakeNats(old);
  await using good = startFakeNats(greetingOf("2.10.0"));
  for (const servers of [[bad.address, good.address], [good.address, bad.address]]) {
    for (let time = 0; time < 4; time++) {
      const queue = await open(servers);
      assert.equal(queue.state().connected, true);
      await queue.begun();
      await queue.close();
    }
  }
});

Deno.test("openSharedQueue() refuses the start if none of the servers can ever be used", async () => {
  await using one = startFakeNats(old);
  await using other = startFakeNats(old);
  await assert.rejects(open([one.address, other.address]), StartError);
});
