/**
 * Machines that are killed or frozen while others share their queue, as real programs over real servers. It needs root, and what
 * `tools/nats_servers.sh` provides.
 */

import assert from "node:assert/strict";
import { type FaultGroup, type FaultMachine, startFaultGroup } from "../support/fault_group.ts";
import { natsPrograms } from "../support/nats_server.ts";
import { eventually } from "../support/processes.ts";

const front = { workers: 0, places: 10 };
const executor = { workers: 2, places: 0 };

/** A group of a machine with clients and two with workers, with those by name. */
function trio(group: FaultGroup): readonly [FaultMachine, FaultMachine, FaultMachine] {
  const [a, b, c] = group.machines;
  assert.ok(a && b && c);
  return [a, b, c];
}

function freeze({ pid }: FaultMachine): void {
  Deno.kill(pid, "SIGSTOP");
}

function thaw({ pid }: FaultMachine): void {
  Deno.kill(pid, "SIGCONT");
}

/** How often each of these jobs has begun, in order. */
function startsOf(group: FaultGroup, ids: readonly string[]): readonly number[] {
  const starts = group.starts();
  return ids.map((id) => starts.get(id) ?? 0);
}

/** The jobs that a machine has begun. */
function begunBy(group: FaultGroup, name: string): readonly string[] {
  return group.begun().filter(({ machine }) => machine === name).map(({ id }) => id);
}

for (const which of ["usual", "newest"] as const) {
  Deno.test(`an executor that is killed loses no job: others run what it had begun (${which} server)`, async () => {
    await using group = await startFaultGroup({
      machines: [front, executor, executor],
      server: { program: natsPrograms[which] },
    });
    const [a, b] = trio(group);
    const jobs = group.postAll([a], 6);
    await group.hasBegun(4);
    const lost = begunBy(group, "b");
    await b.stop("SIGKILL");
    group.release();
    await group.succeed(jobs);
    for (const { id } of jobs) {
      assert.deepEqual(startsOf(group, [id]), [lost.includes(id) ? 2 : 1], id);
    }
    await group.queue.holds(0);
    await group.queue.hasRoomFor(12);
  });
}

Deno.test("an executor that is frozen with jobs loses none, its late results count no more, and it goes on", async () => {
  await using group = await startFaultGroup({ machines: [front, executor, executor] });
  const [a, b] = trio(group);
  const jobs = group.postAll([a], 6);
  await group.hasBegun(4);
  const lost = begunBy(group, "b");
  freeze(b);
  group.release();
  await group.succeed(jobs);
  thaw(b);
  for (const { id } of jobs) {
    assert.deepEqual(startsOf(group, [id]), [lost.includes(id) ? 2 : 1], id);
  }
  await group.queue.holds(0);
  await group.queue.hasRoomFor(14);
  await eventually("it runs jobs again", async () => {
    await group.succeed([group.post(a, `again${group.begun().length}`)]);
    return begunBy(group, "b").length > 2;
  });
});

Deno.test("an idle executor that is frozen delays jobs, and none of them begins twice", async () => {
  await using group = await startFaultGroup({ machines: [front, executor, executor] });
  const [a, b] = trio(group);
  freeze(b);
  const jobs = group.postAll([a], 8, ":");
  await group.succeed(jobs);
  thaw(b);
  await group.queue.holds(0);
  await group.queue.hasRoomFor(14);
  assert.deepEqual(startsOf(group, jobs.map(({ id }) => id)), jobs.map(() => 1));
  assert.deepEqual(begunBy(group, "b"), []);
});

Deno.test("the waiting jobs of a front that is killed are not begun once its death is known", async () => {
  await using group = await startFaultGroup({ machines: [front, executor, executor] });
  const [a] = trio(group);
  const jobs = group.postAll([a], 10);
  await group.hasBegun(4);
  await a.stop("SIGKILL");
  for (const { answer } of jobs) assert.equal(await answer, undefined);
  await group.queue.hasRoomFor(4);
  await group.queue.holds(0);
  assert.equal(group.begun().length, 4);
});

Deno.test("workers that become free right after a front was killed begin at most one of its jobs each", async () => {
  await using group = await startFaultGroup({
    machines: [front, executor, executor],
    env: { JOBRUNNER_NATS_NODE_TIMEOUT_SEC: "3" },
  });
  const [a] = trio(group);
  const jobs = group.postAll([a], 14);
  await group.hasBegun(4);
  await a.stop("SIGKILL");
  group.release();
  for (const { answer } of jobs) assert.equal(await answer, undefined);
  await group.queue.holds(0);
  assert.ok(group.begun().length <= 8, `${group.begun().length} were begun`);
});

Deno.test("a front that is frozen answers all its clients when it goes on", async () => {
  await using group = await startFaultGroup({ machines: [front, executor, executor] });
  const [a, b] = trio(group);
  const jobs = group.postAll([a], 8);
  await group.hasBegun(4);
  freeze(a);
  // The jobs of a machine that counts as dead are ended, and those that wait are dropped.
  await group.queue.holds(0);
  group.release();
  await group.succeed([group.post(b, "other")]);
  thaw(a);
  await group.succeed(jobs);
  for (const [id, count] of group.starts()) assert.ok(count <= 2, `${id}: ${count}`);
  await group.queue.holds(0);
});

Deno.test("a job that kills its machines is begun `attempts` times, and then its client gets node_lost", async () => {
  const single = { workers: 1, places: 0 };
  await using group = await startFaultGroup({
    machines: [front, single, single, single],
    env: { JOBRUNNER_NATS_ATTEMPTS: "2" },
  });
  const [a] = trio(group);
  for (const { name, pid } of group.machines) {
    Deno.writeTextFileSync(`${group.folder}/${name}`, `${pid}`);
  }
  const poison = group.post(a, "poison", `kill -KILL $(cat ${group.folder}/$MACHINE)`);
  const answer = await poison.answer;
  assert.equal(answer?.status, 502, answer?.text);
  assert.match(answer.text, /The machine that ran the job was lost/);
  assert.deepEqual(startsOf(group, ["poison"]), [2]);
  await group.queue.holds(0);
  await group.succeed([group.post(a, "other", ":")]);
});

Deno.test("with on_lost=fail no job begins twice: the clients of those that were lost get node_lost", async () => {
  await using group = await startFaultGroup({
    machines: [front, executor, executor, executor],
    env: { JOBRUNNER_NATS_ON_LOST: "fail" },
  });
  const [a, b, c] = trio(group);
  const jobs = group.postAll([a], 10);
  await group.hasBegun(6);
  const lost = [...begunBy(group, "b"), ...begunBy(group, "c")];
  assert.equal(lost.length, 4);
  await b.stop("SIGKILL");
  freeze(c);
  for (const { id, answer } of jobs) {
    if (!lost.includes(id)) continue;
    const got = await answer;
    assert.equal(got?.status, 502, got?.text);
    assert.match(got.text, /The machine that ran the job was lost/);
  }
  group.release();
  await group.succeed(jobs.filter(({ id }) => !lost.includes(id)));
  thaw(c);
  await group.queue.holds(0);
  await group.queue.hasRoomFor(14);
  assert.deepEqual(startsOf(group, jobs.map(({ id }) => id)), jobs.map(() => 1));
});
