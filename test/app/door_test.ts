import assert from "node:assert/strict";
import { doorTo } from "../../src/app/door.ts";
import type { LivePool } from "../../src/app/live_pool.ts";
import type { Work } from "../../src/app/work.ts";
import type { Cluster } from "../../src/cluster/cluster.ts";
import type { Config } from "../../src/config/config.ts";
import { Seats } from "../../src/exec/warm/seats.ts";
import { createExposition } from "../../src/telemetry/exposition.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import { createRecent } from "../../src/telemetry/recent.ts";
import { type DispatchByHand, dispatchByHand } from "../support/dispatch.ts";
import { configOf, configOfFile } from "../support/machine.ts";
import { nextTurn } from "../support/turn.ts";

/** Work whose runs the test ends, and the door to it. */
function doorOf(config: Config, group?: Pick<Cluster, "state">) {
  const dispatches = new Map<string, DispatchByHand>();
  const pools = config.pools.map((pool): LivePool => {
    const { numWorkers: size, queueLimit: places } = pool;
    const dispatch = dispatchByHand({ size, places });
    dispatches.set(pool.name, dispatch);
    return {
      config: pool,
      queueLimit: places,
      dispatch,
      seats: new Seats(),
      resize: () => assert.fail("no pool is resized"),
      close: () => assert.fail("no pool is closed"),
    };
  });
  const used: (string | undefined)[] = [];
  const work: Work = {
    config,
    pools,
    started: 5,
    use: (name) => void used.push(name) as undefined,
    replace: () => assert.fail("nothing is replaced"),
    endIdle: () => assert.fail("nothing is ended"),
    cut: () => assert.fail("nothing is cut"),
    close: () => assert.fail("nothing is closed"),
  };
  const metrics = createMetrics(createExposition(() => Promise.resolve()), {
    scheme: "http",
    named: config.named,
  });
  for (const { name, pool } of config.commands) {
    metrics.announce({
      names: config.named ? { command: name, pool } : undefined,
      numWorkers: 1,
    });
  }
  const recent = { queuedSec: createRecent(), elapsedSec: createRecent() };
  const door = doorTo(work, { metrics, recent }, performance.now(), group);
  const dispatch = (pool: string) => dispatches.get(pool) ?? assert.fail(pool);
  return { door, used, metrics, dispatch };
}

const named = configOfFile(`
  default_command = "pdf"
  [commands.pdf]
  cmd = "/bin/date"
  description = "to PDF"
  pool = "office"
  job_timeout_sec = 1.5
  max_request_bytes = 10
  max_run_bytes = 30
  max_output_bytes = 20
  max_result_bytes = 40
  [commands.octave]
  cmd = "/bin/date"
  num_workers = 3
  queue_limit = 4
  queue_timeout_sec = 0.5
  [commands.letter]
  cmd = "/bin/date"
  pool = "office"
  [pools.office]
  num_workers = 1
  queue_limit = 2
`);

Deno.test("doorTo() lists the commands in the order of the file, with the state of their pools", async () => {
  const { door, dispatch } = doorOf(named);
  const running = dispatch("office").submit("a");
  const waiting = dispatch("office").submit("b");
  await nextTurn();
  const { defaultName, commands } = door.commands();
  assert.equal(defaultName, "pdf");
  const [pdf, octave, letter] = commands;
  assert.deepEqual(pdf, {
    name: "pdf",
    description: "to PDF",
    pool: "office",
    numWorkers: 1,
    queueLimit: 2,
    queueTimeoutSec: Infinity,
    jobTimeoutSec: 1.5,
    maxRequestBytes: 10,
    maxRunBytes: 30,
    maxOutputBytes: 20,
    maxResultBytes: 40,
    busy: 1,
    queuedJobs: 1,
  });
  assert.deepEqual([letter?.name, letter?.busy, letter?.queuedJobs], ["letter", 1, 1]);
  assert.deepEqual(
    [octave?.busy, octave?.queuedJobs, octave?.numWorkers, octave?.queueTimeoutSec],
    [0, 0, 3, 0.5],
  );
  assert.deepEqual(door.commandNames(), ["letter", "octave", "pdf"]);
  dispatch("office").end("a");
  await running;
  await nextTurn();
  dispatch("office").end("b");
  await waiting;
});

Deno.test("doorTo() looks commands up in the work, by name or without one", () => {
  const { door, used } = doorOf(named);
  assert.equal(door.named, true);
  door.command("pdf");
  door.command();
  assert.deepEqual(used, ["pdf", undefined]);
});

Deno.test("doorTo() reports the state of every pool and the outcomes of every command", () => {
  const { door, metrics } = doorOf(named);
  metrics.of({ command: "pdf", pool: "office" }).jobEnded(1, "failed");
  metrics.rejected("queue_full", { command: "letter", pool: "office" });
  const { started, pools, commands, outcomes, rejections } = door.status();
  assert.equal(started, 5);
  assert.deepEqual(
    pools.map(({ name, queueLimit, workers }) => [name, queueLimit, workers.length]),
    [
      ["office", 2, 1],
      ["octave", 4, 3],
    ],
  );
  assert.deepEqual(
    commands?.map(({ names, description, outcomes, rejections }) => [
      names.command,
      names.pool,
      description,
      outcomes["failed"],
      rejections["queue_full"],
    ]),
    [
      ["pdf", "office", "to PDF", 1, 0],
      ["octave", "octave", undefined, 0, 0],
      ["letter", "office", undefined, 0, 1],
    ],
  );
  assert.deepEqual([outcomes["failed"], rejections["queue_full"]], [1, 1]);
});

Deno.test("doorTo() without a configuration file names neither pool nor command", () => {
  const { door } = doorOf(configOf({ JOBRUNNER_CMD: "/bin/date" }));
  assert.equal(door.named, false);
  const status = door.status();
  assert.deepEqual(status.pools.map(({ name }) => name), [undefined]);
  assert.ok(!("commands" in status));
});

Deno.test("doorTo() tells a client that names no command to wait as long as the slowest pool needs", () => {
  const { door, dispatch } = doorOf(named);
  assert.equal(door.retryAfterSec(), 1);
  Object.assign(dispatch("office").line, { retryAfterSec: () => 9 });
  assert.equal(door.retryAfterSec(), 9);
  Object.assign(dispatch("octave").line, { retryAfterSec: () => 12 });
  assert.equal(door.retryAfterSec(), 12);
});

Deno.test("the door's status has what is known of the machines that share the queues, and nothing without them", () => {
  const state = {
    group: "default",
    node: "1",
    connected: true,
    serverVersion: "2.10.27",
    nodes: [],
    lost: 0,
    pools: [],
    reconnections: 0,
  };
  const config = configOf({ JOBRUNNER_CMD: "/bin/date" });
  assert.equal(doorOf(config, { state: () => state }).door.status().cluster, state);
  assert.equal("cluster" in doorOf(config).door.status(), false);
});
