/**
 * Machines that share a queue and lose the network to the real nats-server, while their clients still reach them: packets are
 * dropped, and nobody is told. Needs root, iproute2 and iptables.
 */

import assert from "node:assert/strict";
import { type Answer, post, statusOf } from "../support/client.ts";
import { temporaryFolder } from "../support/folder.ts";
import { begunIn, heldScript, release, startMember, watchQueue } from "../support/member.ts";
import { startNatsServer } from "../support/nats_server.ts";
import { createNetwork } from "../support/network.ts";
import { eventually } from "../support/processes.ts";

/** Jobs by their names, in the order in which they were noted. */
function namesIn(folder: string): readonly string[] {
  return begunIn(folder).map((line) => line.split(" ")[1] ?? "");
}

/** Fails unless all jobs were answered as having run. */
function assertRan(answers: readonly Answer[]): void {
  for (const { status, text } of answers) assert.equal(status, 200, text);
}

/** Posts held jobs. */
function postHeld(url: string, folder: string, names: readonly string[]): Promise<Answer>[] {
  return names.map((name) => {
    const answer = post(url, heldScript(folder, name), { id: name });
    // A test that fails does not wait for it.
    answer.catch(() => {});
    return answer;
  });
}

/** The variables of a machine in an island. */
function at(address: string) {
  return { JOBRUNNER_HTTP_LISTEN_ADDRESS: address, JOBRUNNER_ALLOW_OPEN: "on" };
}

Deno.test("jobs of a machine that is cut off run elsewhere, each client gets one answer, and the machine comes back", async () => {
  using folder = temporaryFolder();
  await using network = await createNetwork();
  await using server = await startNatsServer({ host: network.address });
  await using queue = watchQueue(server.address);
  const island = await network.addIsland();
  await using front = await startMember(server.address, { name: "front" });
  await using lost = await startMember(server.address, {
    name: "lost",
    workers: 2,
    through: island.through,
    env: at(island.address),
  });
  await queue.hasRoomFor(22);
  const answers = postHeld(front.url, folder.path, ["a", "b"]);
  await eventually("both run", () => begunIn(folder.path).length === 2);
  await using _other = await startMember(server.address, { name: "other", workers: 2 });
  await queue.hasRoomFor(34);
  await island.cut(server.port);
  await eventually("both run again", () => begunIn(folder.path).length === 4);
  release(folder.path);
  const answered = await Promise.all(answers);
  assertRan(answered);
  for (const { json } of answered) assert.equal(json.node, "other");
  assert.deepEqual(namesIn(folder.path).toSorted(), ["a", "a", "b", "b"]);
  await queue.holds(0);
  await queue.hasRoomFor(22);
  await island.heal();
  await queue.hasRoomFor(34);
  using again = temporaryFolder();
  const more = postHeld(front.url, again.path, ["c", "d", "e", "f"]);
  await eventually("all workers have one", () => begunIn(again.path).length === 4);
  release(again.path);
  assertRan(await Promise.all(more));
  await queue.holds(0);
  assert.equal(await lost.stop(), 0);
});

Deno.test("a front that is cut off refuses new jobs, and its clients that stay get every answer after it", async () => {
  using folder = temporaryFolder();
  await using network = await createNetwork();
  await using server = await startNatsServer({ host: network.address });
  await using queue = watchQueue(server.address);
  const island = await network.addIsland();
  await using front = await startMember(server.address, {
    name: "front",
    through: island.through,
    env: { ...at(island.address), JOBRUNNER_ON_DISCONNECT: "finish" },
  });
  await using _executor = await startMember(server.address, { name: "executor", workers: 2 });
  await queue.hasRoomFor(22);
  const names = ["a", "b", "c", "d", "e"];
  const answers = postHeld(front.url, folder.path, names);
  await eventually("two run", () => begunIn(folder.path).length === 2);
  await queue.holds(5);
  await island.cut(server.port);
  const refused = await post(front.url, "true", {
    headers: { accept: "application/problem+json" },
  });
  assert.equal(refused.status, 503);
  assert.equal(refused.json.code, "queue_unavailable");
  assert.ok(Number(refused.headers.get("retry-after")) >= 1);
  release(folder.path);
  await queue.holds(0);
  await island.heal();
  assertRan(await Promise.all(answers));
  assert.deepEqual(namesIn(folder.path).toSorted(), names);
  await queue.holds(0);
});

Deno.test("the running jobs of a front that is cut off are ended, and run again when it is back", async () => {
  using folder = temporaryFolder();
  await using network = await createNetwork();
  await using server = await startNatsServer({ host: network.address });
  await using queue = watchQueue(server.address);
  const island = await network.addIsland();
  await using front = await startMember(server.address, {
    name: "front",
    through: island.through,
    env: at(island.address),
  });
  await using executor = await startMember(server.address, { name: "executor", workers: 2 });
  await queue.hasRoomFor(22);
  const answers = postHeld(front.url, folder.path, ["a", "b"]);
  await eventually("both run", () => begunIn(folder.path).length === 2);
  await island.cut(server.port);
  await queue.holds(0);
  await eventually("both were ended", async () => (await statusOf(executor.url)).busy === 0);
  await island.heal();
  await eventually("both run again", () => begunIn(folder.path).length === 4);
  release(folder.path);
  assertRan(await Promise.all(answers));
  assert.deepEqual(namesIn(folder.path).toSorted(), ["a", "a", "b", "b"]);
  await queue.holds(0);
});

Deno.test("an idle machine that is cut off delays jobs, and none is lost or begins twice", async () => {
  using folder = temporaryFolder();
  await using network = await createNetwork();
  await using server = await startNatsServer({ host: network.address });
  await using queue = watchQueue(server.address);
  const island = await network.addIsland();
  await using front = await startMember(server.address, { name: "front" });
  await using _idle = await startMember(server.address, {
    name: "idle",
    workers: 2,
    through: island.through,
    env: at(island.address),
  });
  await using _other = await startMember(server.address, { name: "other", workers: 4 });
  await queue.hasRoomFor(36);
  await island.cut(server.port);
  const names = Array.from({ length: 12 }, (_, i) => `job-${i}`);
  release(folder.path);
  const answered = await Promise.all(postHeld(front.url, folder.path, names));
  assertRan(answered);
  for (const { json } of answered) assert.equal(json.node, "other");
  assert.deepEqual(namesIn(folder.path).toSorted(), names.toSorted());
  await queue.holds(0);
});
