/**
 * Named commands of one server: whose workers run them, and which queue refuses them.
 */

import assert from "node:assert/strict";
import { heldBy } from "../support/app.ts";
import { post, scrape, statusOf } from "../support/client.ts";
import { fileExists, temporaryFolder } from "../support/folder.ts";
import { fourCommands, startNamed } from "../support/named.ts";
import { eventually } from "../support/processes.ts";

const office = ["first", "second", "third"] as const;

Deno.test("three commands of a pool with one worker never run two at once, while another pool runs its own", async () => {
  using folder = temporaryFolder();
  using held = heldBy(folder.path);
  await using program = await startNamed(fourCommands());
  const { url } = program;
  const solo = post(url, `: >${folder.path}/solo; ${held.script}`, { command: "solo" });
  await fileExists(`${folder.path}/solo`);
  // Making a folder succeeds for one at a time; the log shows who ran when.
  const script = (number: number) =>
    `cd ${folder.path}; mkdir running || echo overlap; echo begin ${number} >>log; echo $JOBRUNNER_COMMAND $JOBRUNNER_POOL; echo end ${number} >>log; rmdir running`;
  const numbers = Array.from({ length: 36 }, (_, number) => number);
  const answers = await Promise.all(
    numbers.map((number) => {
      const command = office[number % 3] as string;
      return post(url, script(number), { command }).then((answer) => ({ command, ...answer }));
    }),
  );
  for (const { command, status, output, error, json } of answers) {
    assert.deepEqual([status, output, error], [200, `${command} office\n`, ""]);
    assert.deepEqual([json["command"], json["pool"], json["worker_id"]], [command, "office", 1]);
  }
  const log = Deno.readTextFileSync(`${folder.path}/log`).trim().split("\n");
  const begun = log.filter((line) => line.startsWith("begin")).map((line) => line.split(" ")[1]);
  assert.deepEqual(log, begun.flatMap((number) => [`begin ${number}`, `end ${number}`]));
  assert.deepEqual(new Set(begun), new Set(numbers.map(String)));
  assert.equal((await statusOf(url)).busy, 1, "the other pool ran all the time");
  held.release();
  assert.equal((await solo).output, "released\n");
});

Deno.test("each pool numbers its workers from 1", async () => {
  using folder = temporaryFolder();
  using held = heldBy(folder.path);
  await using program = await startNamed(fourCommands());
  const { url } = program;
  const script = `${held.script}; echo $JOBRUNNER_WORKER_ID`;
  const answers = ["solo", "first", "solo", "solo"].map((command) =>
    post(url, script, { command })
  );
  await eventually("all run", async () => (await statusOf(url)).busy === 4);
  const states = (await statusOf(url)).worker_states as unknown as Record<string, unknown>[];
  assert.deepEqual(
    states.map(({ pool, worker_id, command }) => [pool, worker_id, command]),
    [["office", 1, "first"], ["solo", 1, "solo"], ["solo", 2, "solo"], ["solo", 3, "solo"]],
  );
  held.release();
  const ids = (await Promise.all(answers)).map(({ json, output }) => {
    assert.equal(output, `released\n${json["worker_id"]}\n`);
    return json["worker_id"];
  });
  assert.equal(ids[1], 1);
  assert.deepEqual(ids.toSpliced(1, 1).sort(), [1, 2, 3]);
});

Deno.test("a full queue refuses every command of its pool with 503 and Retry-After, and no other pool's", async () => {
  using folder = temporaryFolder();
  using held = heldBy(folder.path);
  await using program = await startNamed(fourCommands(2));
  const { url } = program;
  const running = post(url, `: >${folder.path}/runs; ${held.script}`, { command: "first" });
  await fileExists(`${folder.path}/runs`);
  const waiting = ["second", "third"].map((command) => post(url, "echo waited", { command }));
  await eventually("two wait", async () => (await statusOf(url)).queued_jobs === 2);
  const accept = { headers: { accept: "application/json" } };
  for (const command of office) {
    const { status, headers, json } = await post(url, "echo", { command, ...accept });
    assert.deepEqual([status, json["code"]], [503, "queue_full"]);
    assert.match(headers.get("retry-after") ?? "", /^[1-9]\d*$/);
  }
  assert.equal((await post(url, "echo other", { command: "solo" })).output, "other\n");
  held.release();
  assert.equal((await running).output, "released\n");
  for (const { output } of await Promise.all(waiting)) assert.equal(output, "waited\n");

  const status = await statusOf(url) as unknown as Record<string, Record<string, unknown>[]>;
  const rejected = (status["commands"] ?? []).map(({ name, rejections }) => [
    name,
    (rejections as Record<string, number>)["queue_full"],
  ]);
  assert.deepEqual(rejected, [["first", 1], ["second", 1], ["third", 1], ["solo", 0]]);
  const samples = await scrape(url);
  const full = (labels: string) =>
    samples.get(`jobrunner_requests_rejected_total{${labels}reason="queue_full"}`);
  assert.equal(full('command="second",pool="office",'), 1);
  assert.equal(full('command="solo",pool="solo",'), 0);
});

Deno.test("a queue without places refuses a job only while all workers of its pool are busy", async () => {
  using folder = temporaryFolder();
  using held = heldBy(folder.path);
  await using program = await startNamed(fourCommands());
  const { url } = program;
  const running = [1, 2, 3].map(() => post(url, held.script));
  await eventually("three run", async () => (await statusOf(url)).busy === 3);
  assert.equal((await post(url, "echo")).status, 503);
  assert.equal((await post(url, "echo office", { command: "first" })).output, "office\n");
  held.release();
  await Promise.all(running);
  assert.equal((await post(url, "echo again")).output, "again\n");
});
