/** Machines that share a queue which three real nats-servers keep together. */

import assert from "node:assert/strict";
import { streamOf } from "../../src/cluster/names.ts";
import { post } from "../support/client.ts";
import { temporaryFolder } from "../support/folder.ts";
import { begunIn, heldScript, release, startSteadyMember, watchQueue } from "../support/member.ts";
import { startNatsCluster } from "../support/nats_cluster.ts";
import { eventually } from "../support/processes.ts";

const env = { JOBRUNNER_NATS_REPLICAS: "3" };
const json = { headers: { accept: "application/problem+json" } };

Deno.test("three servers keep exactly 26 of 80 jobs at once, and all of them when their leader is killed", async () => {
  using folder = temporaryFolder();
  await using servers = await startNatsCluster();
  await using queue = watchQueue(servers.addresses);
  const machine = (name: string) =>
    startSteadyMember(servers.addresses.join(), { name, workers: 3, places: 10, env });
  await using one = await machine("one");
  await using two = await machine("two");
  await queue.hasRoomFor(26);
  let refused = 0;
  const answers = Array.from({ length: 80 }, async (_, i) => {
    const { url } = i % 2 === 0 ? one : two;
    const { status } = await post(url, heldScript(folder.path, String(i)), { id: `job-${i}` });
    if (status === 503) refused++;
    return status;
  });
  await eventually("all but 26 are refused", () => refused >= 54);
  await queue.holds(26);
  await eventually("six run", () => begunIn(folder.path).length === 6);
  const leader = await servers.leaderOf(streamOf("default", "default").stream, queue.link);
  await leader.kill();
  await eventually("there is another leader, and no room", async () => {
    const { status, json: { code } } = await post(one.url, "true", json);
    return status === 503 && code === "queue_full";
  });
  await queue.holds(26);
  release(folder.path);
  const statuses = await Promise.all(answers);
  assert.equal(statuses.filter((status) => status === 200).length, 26);
  assert.equal(refused, 54);
  assert.equal(begunIn(folder.path).length, 26);
  assert.equal(new Set(begunIn(folder.path)).size, 26);
  await queue.holds(0);
});
