/**
 * Machines that share a queue and lose the network to the real nats-server, while their clients still reach them: packets are
 * dropped, and nobody is told. Needs root, iproute2 and iptables.
 */

import assert from "node:assert/strict";
import { type Answer, post, statusOf } from "../support/client.ts";
import { temporaryFolder } from "../support/folder.ts";
import {
  begunIn,
  heldScript,
  type MemberOptions,
  release,
  startMember,
  watchQueue,
} from "../support/member.ts";
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

/** A server, and an island that can be cut off from it. */
async function startScene() {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(temporaryFolder());
  const network = stack.use(await createNetwork());
  const { address, port } = stack.use(await startNatsServer({ host: network.address }));
  const queue = stack.use(watchQueue(address));
  const { cut, heal, through, address: islandAddress } = await network.addIsland();
  const env = { JOBRUNNER_HTTP_LISTEN_ADDRESS: islandAddress, JOBRUNNER_ALLOW_OPEN: "on" };
  const owned = stack.move();
  return {
    /** For the jobs. */
    folder,
    queue,
    island: {
      cut: () => cut(port),
      heal,
      /** Starts a machine there. */
      start: (options: MemberOptions) =>
        startMember(address, { ...options, through, env: { ...env, ...options.env } }),
    },
    /** Starts a machine beside the server. */
    start: (options: MemberOptions) => startMember(address, options),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

Deno.test("jobs of a machine that is cut off run elsewhere, each client gets one answer, and the machine comes back", async () => {
  await using scene = await startScene();
  const { folder, queue, island } = scene;
  await using front = await scene.start({ name: "front" });
  await using lost = await island.start({ name: "lost", workers: 2 });
  await queue.hasRoomFor(22);
  const answers = postHeld(front.url, folder.path, ["a", "b"]);
  await eventually("both run", () => begunIn(folder.path).length === 2);
  await using _other = await scene.start({ name: "other", workers: 2 });
  await queue.hasRoomFor(34);
  await island.cut();
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
  await using scene = await startScene();
  const { folder, queue, island } = scene;
  await using front = await island.start({
    name: "front",
    env: { JOBRUNNER_ON_DISCONNECT: "finish" },
  });
  await using _executor = await scene.start({ name: "executor", workers: 2 });
  await queue.hasRoomFor(22);
  const names = ["a", "b", "c", "d", "e"];
  const answers = postHeld(front.url, folder.path, names);
  await eventually("two run", () => begunIn(folder.path).length === 2);
  await queue.holds(5);
  await island.cut();
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
  await using scene = await startScene();
  const { folder, queue, island } = scene;
  await using front = await island.start({ name: "front" });
  await using executor = await scene.start({ name: "executor", workers: 2 });
  await queue.hasRoomFor(22);
  const answers = postHeld(front.url, folder.path, ["a", "b"]);
  await eventually("both run", () => begunIn(folder.path).length === 2);
  await island.cut();
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
  await using scene = await startScene();
  const { folder, queue, island } = scene;
  await using front = await scene.start({ name: "front" });
  await using _idle = await island.start({ name: "idle", workers: 2 });
  await using _other = await scene.start({ name: "other", workers: 4 });
  await queue.hasRoomFor(36);
  await island.cut();
  const names = Array.from({ length: 12 }, (_, i) => `job-${i}`);
  release(folder.path);
  const answered = await Promise.all(postHeld(front.url, folder.path, names));
  assertRan(answered);
  for (const { json } of answered) assert.equal(json.node, "other");
  assert.deepEqual(namesIn(folder.path).toSorted(), names.toSorted());
  await queue.holds(0);
});
