/**
 * A thousand listeners of live output at once. What each costs is a required figure of the product; the tests print it.
 */

import assert from "node:assert/strict";
import { post, statusOf } from "../support/client.ts";
import { fileExists, temporaryFolder } from "../support/folder.ts";
import { eventually } from "../support/processes.ts";
import { memoryOf } from "../support/proc.ts";
import { fixture, type Program, startProgram } from "../support/program.ts";
import { startFlags } from "../support/start_flags.ts";

const listeners = 1000;

/** A client of live output. */
interface Listener {
  /** Reads until the answer holds this. */
  until(text: string): Promise<string>;
  leave(): void;
}

async function listen({ url }: Program): Promise<Listener> {
  const { hostname, port } = new URL(url);
  const connection = await Deno.connect({ hostname, port: Number(port) });
  const request = "POST /run HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n" +
    "Content-Length: 7\r\n\r\npayload";
  await connection.write(new TextEncoder().encode(request));
  let text = "";
  return {
    async until(wanted) {
      const buffer = new Uint8Array(4096);
      while (!text.includes(wanted)) {
        const length = await connection.read(buffer);
        if (length === null) throw new Error(`ended without “${wanted}”: ${text}`);
        text += new TextDecoder().decode(buffer.subarray(0, length));
      }
      return text;
    },
    leave: () => connection.close(),
  };
}

/** Fifty at a time, so that the memory of their arrival is used again. Resolves when each has its place in the queue. */
async function listenAll(program: Program, count = listeners): Promise<Listener[]> {
  const all: Listener[] = [];
  while (all.length < count) {
    const some = await Promise.all(Array.from({ length: 50 }, () => listen(program)));
    await Promise.all(some.map((listener) => listener.until("event: queued\ndata: {")));
    all.push(...some);
  }
  return all;
}

/** All disconnect; resolves when none of their jobs waits. */
async function leaveAll({ url }: Program, all: readonly Listener[]): Promise<void> {
  for (const { leave } of all) leave();
  await eventually("all are gone", async () => (await statusOf(url)).queued_jobs === 0);
}

/**
 * The most bytes of the server's memory that each may hold. The goal is 70 KB, of which the runtime's stream and connection take
 * nearly all; runs differ by some 10 KB (docs/performance.md), so this only notices that a listener has become much dearer.
 */
const mostBytes = 100_000;

Deno.test("1000 listeners hold little memory each, get the last event, and leave nothing behind", async () => {
  using folder = temporaryFolder();
  await using program = await startProgram({
    env: {
      ...startFlags(),
      JOBRUNNER_CMD: fixture("hold_until_released.sh"),
      JOBRUNNER_NUM_WORKERS: "1",
      JOBRUNNER_QUEUE_LIMIT: String(listeners),
      JOBRUNNER_DRAIN_TIMEOUT_SEC: "0",
      JOBRUNNER_SPOOL_DIR: folder.path,
      HOLD_RELEASE: `${folder.path}/release`,
    },
  });
  const held = post(program.url, "held", { id: "held" }).then(({ status }) => status);
  await fileExists(`${folder.path}/started_held`);

  // The first ones also cost what the program needs for any number of them.
  await leaveAll(program, await listenAll(program, 200));
  const before = memoryOf(program);
  const leavers = await listenAll(program);
  const each = (memoryOf(program) - before) / listeners;
  console.log(`${(each / 1000).toFixed(1)} KB for each of ${listeners} listeners`);
  assert.ok(each <= mostBytes, `${each}`);
  assert.equal((await statusOf(program.url)).queued_jobs, listeners);
  const refused = await fetch(`${program.url}/run`, { method: "POST", body: "payload" });
  assert.equal(refused.status, 503);
  await refused.body?.cancel();

  await leaveAll(program, leavers);

  const stayers = await listenAll(program);
  const over = Promise.all(stayers.map((listener) => listener.until("event: error\ndata: {")));
  const stopped = program.stop("SIGTERM");
  await over;
  for (const { leave } of stayers) leave();
  assert.equal(await held, 200);
  await stopped;
});
