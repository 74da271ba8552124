/** Payloads and results that go from one machine to another and back, over a real nats-server. */

import assert from "node:assert/strict";
import { temporaryFolder } from "../support/folder.ts";
import { startSteadyMember, watchQueue } from "../support/member.ts";
import { startNatsServer } from "../support/nats_server.ts";
import { peakMemoryOf } from "../support/proc.ts";
import { fixture } from "../support/program.ts";
import { postRun } from "../support/run_client.ts";
import { startFlags } from "../support/start_flags.ts";

const kibi = 1024;
const mebi = 1024 * kibi;

const copy = { JOBRUNNER_CMD: fixture("copy_payload.sh") };

Deno.test("payloads and results of every size around a limit are the same on another machine", async () => {
  await using server = await startNatsServer();
  await using queue = watchQueue(server.address);
  await using front = await startSteadyMember(server.address, { name: "front", env: copy });
  await using _executor = await startSteadyMember(server.address, {
    name: "executor",
    workers: 2,
    env: copy,
  });
  await queue.hasRoomFor(22);
  // Payloads of up to 64 KiB are in the message; larger ones, and results, are fetched in portions of 512 KiB.
  const limits = [64 * kibi, 512 * kibi, 3 * 512 * kibi];
  const lengths = [0, 1, ...limits.flatMap((limit) => [limit - 1, limit, limit + 1])];
  for (const length of lengths) {
    const payload = randomBytes(length);
    const { status, bytes, text } = await postRun(front.url, payload);
    assert.equal(status, 200, text);
    assert.deepEqual(bytes, payload);
  }
  await queue.holds(0);
});

Deno.test("64 MiB go to another machine and back in 200 MB of memory on each of them", async () => {
  using folder = temporaryFolder();
  await using server = await startNatsServer();
  await using queue = watchQueue(server.address);
  const env = { ...startFlags(), ...copy };
  await using front = await startSteadyMember(server.address, { name: "front", env });
  await using executor = await startSteadyMember(server.address, {
    name: "executor",
    workers: 2,
    env,
  });
  await queue.hasRoomFor(22);
  const payload = `${folder.path}/payload`;
  writeRandom(payload, 64 * mebi);
  const begun = performance.now();
  for (let round = 0; round < 2; round++) {
    const { success, stdout, stderr } = await new Deno.Command("sh", {
      args: ["-c", 'curl -sSf -X POST -T "$1" "$2/run" | cmp - "$1"', "sh", payload, front.url],
    }).output();
    assert.ok(success, new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr));
  }
  const seconds = (performance.now() - begun) / 2000;
  const peaks = [front, executor].map((machine) => peakMemoryOf(machine) / 1e6);
  console.log(
    `${seconds.toFixed(1)} s; peaks of front and executor: ${
      peaks.map((peak) => peak.toFixed(0)).join(" and ")
    } MB`,
  );
  for (const peak of peaks) assert.ok(peak <= 200, `${peak} MB`);
  await queue.holds(0);
});

function randomBytes(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 64 * kibi) {
    crypto.getRandomValues(bytes.subarray(at, at + 64 * kibi));
  }
  return bytes;
}

function writeRandom(path: string, length: number): void {
  using file = Deno.openSync(path, { write: true, createNew: true });
  for (let at = 0; at < length; at += mebi) file.writeSync(randomBytes(mebi));
}
