import assert from "node:assert/strict";
import { joinCluster } from "../../src/cluster/cluster.ts";
import { systemClock } from "../../src/cluster/clock.ts";
import { openLink } from "../../src/cluster/nats.ts";
import type { LineSize } from "../../src/jobs/line.ts";
import { groupConfig, type Machine, reportTo } from "../support/cluster.ts";
import { groupWork, type Posted } from "../support/group_work.ts";
import { type NatsServer, startNatsServer } from "../support/nats_server.ts";
import { hostOf, nothingInUse } from "../support/pool_host.ts";
import { eventually } from "../support/processes.ts";

/** Machines of one process that share a queue over a real server. */
interface Group extends AsyncDisposable {
  readonly machines: readonly Machine[];
}

/** Joins so many machines, and waits until the queue has the size of all of them. */
async function group(server: NatsServer, sizes: readonly Partial<LineSize>[]): Promise<Group> {
  const machines = sizes.map((size, index): Machine => {
    const link = openLink({
      servers: [server.address],
      tls: undefined,
      credentials: { kind: "none" },
      name: "test",
    }, () => {});
    const reported: (readonly unknown[])[] = [];
    const name = `machine-${index + 1}`;
    const cluster = joinCluster({
      config: { ...groupConfig, nodeName: name },
      version: "0.0.0",
      link,
      report: reportTo(reported),
      onRefused: (sentence) => reported.push(["refused", sentence]),
    });
    const host = hostOf();
    const all = { workers: 1, places: 0, queueTimeoutMs: Infinity, ...size };
    const line = cluster.openLine("default", all, host);
    const never = () => {
      throw new Error("this machine is part of the test's process");
    };
    const isDead = false;
    const goesOn = () => Promise.resolve();
    const cannot = { open: never, freeze: never, thaw: never, kill: never };
    return { name, link, cluster, line, host, reported, isDead, goesOn, ...cannot };
  });
  const [first] = machines;
  assert.ok(first);
  const wanted = sizes.reduce(
    (sum, { workers = 1, places = 0 }) => sum + workers + places,
    0,
  );
  await eventually("the queue has its size", async () => {
    const size = await first.link.size("JR1_test_default").catch(() => undefined);
    return size?.maxMessages === Math.max(1, wanted);
  });
  return {
    machines,
    async [Symbol.asyncDispose]() {
      for (const { line } of machines) line.cut();
      await Promise.all(machines.map(({ cluster }) => cluster.close()));
    },
  };
}

function isRefused({ answer }: Posted): boolean {
  return answer?.kind === "left" && answer.cause === "queue_full";
}

const sizes = [{ workers: 3, places: 10 }, { workers: 3, places: 10 }];

Deno.test("exactly 26 of 80 clients at once get a place, on two machines with a real server", async () => {
  await using server = await startNatsServer();
  await using joined = await group(server, sizes);
  const { machines } = joined;
  const work = groupWork({ clock: systemClock });
  for (const machine of machines) void work.work(machine, 3);
  for (let round = 0; round < 5; round++) {
    const posted = await Promise.all(
      Array.from(
        { length: 80 },
        (_, i) => work.post(machines[i % 2] as Machine, `${round}-${i}`, { ms: 300 }),
      ),
    );
    await Promise.all(posted.map(({ over }) => over));
    assert.equal(posted.filter(isRefused).length, 54);
    assert.equal(posted.filter(({ answer }) => answer?.kind === "ran").length, 26);
  }
});

Deno.test("a closed loop of exactly 26 clients is never refused, on two machines with a real server", async () => {
  await using server = await startNatsServer();
  await using joined = await group(server, sizes);
  const { machines } = joined;
  const work = groupWork({ clock: systemClock });
  for (const machine of machines) void work.work(machine, 3);
  await Promise.all(Array.from({ length: 26 }, async (_, client) => {
    for (let i = 0; i < 20; i++) {
      const machine = machines[client % 2] as Machine;
      const { over } = await work.post(machine, `${client}-${i}`, { ms: (client + i) % 7 });
      assert.equal((await over).kind, "ran");
    }
  }));
  assert.equal(work.begun.length, 26 * 20);
});

Deno.test("a real server that is killed and started again loses no job, and none begins twice", async () => {
  await using server = await startNatsServer();
  await using joined = await group(server, sizes);
  const { machines } = joined;
  const work = groupWork({ clock: systemClock });
  for (const machine of machines) void work.work(machine, 3);
  const posted = await Promise.all(
    Array.from({ length: 14 }, (_, i) => {
      const large = { kind: "bytes", bytes: new Uint8Array(3_000_000).fill(i) } as const;
      const input = i % 3 === 0 ? { input: large } : {};
      return work.post(machines[i % 2] as Machine, `job ${i}`, { ms: 2500, ...input });
    }),
  );
  await eventually("six run, and all have entered", () => work.begun.length === 6);
  await Promise.all(posted.map(({ place }) => place.entered));
  await server.kill();
  await server.start();
  for (const { over } of posted) assert.equal((await over).kind, "ran");
  assert.equal(work.begun.length, 14);
  await eventually("nothing is left", async () => {
    const size = await machines[0]?.link.size("JR1_test_default");
    return size?.messages === 0;
  });
  // A machine frees what a job needs when it hears that its result was taken.
  const nothing = JSON.stringify(nothingInUse);
  await eventually(
    "nothing is in use",
    () => machines.every(({ host }) => JSON.stringify(host.inUse) === nothing),
  );
});
