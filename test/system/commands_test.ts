/**
 * Named commands of one server: whose workers run them, which queue refuses them, and under which names they are seen.
 */

import assert from "node:assert/strict";
import { heldBy } from "../support/app.ts";
import { get, post, postRaw, scrape, statusOf } from "../support/client.ts";
import { fileExists, temporaryFolder } from "../support/folder.ts";
import { shellCmd, startNamed } from "../support/named.ts";
import { eventually } from "../support/processes.ts";

/** Three commands that share the only worker of a pool, and one whose pool is its own. */
const shared = (places = 50) => `
  default_command = "solo"
  [commands.first]
  ${shellCmd}
  description = "the first of three"
  pool = "office"
  [commands.second]
  ${shellCmd}
  pool = "office"
  [commands.third]
  ${shellCmd}
  pool = "office"
  [commands.solo]
  ${shellCmd}
  num_workers = 3
  queue_limit = 0
  [pools.office]
  num_workers = 1
  queue_limit = ${places}
`;

const office = ["first", "second", "third"] as const;

Deno.test("three commands of a pool with one worker never run two at once, while another pool runs its own", async () => {
  using folder = temporaryFolder();
  using held = heldBy(folder.path);
  await using program = await startNamed(shared());
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
  await using program = await startNamed(shared());
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
  await using program = await startNamed(shared(2));
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
  await using program = await startNamed(shared());
  const { url } = program;
  const running = [1, 2, 3].map(() => post(url, held.script));
  await eventually("three run", async () => (await statusOf(url)).busy === 3);
  assert.equal((await post(url, "echo")).status, 503);
  assert.equal((await post(url, "echo office", { command: "first" })).output, "office\n");
  held.release();
  await Promise.all(running);
  assert.equal((await post(url, "echo again")).output, "again\n");
});

Deno.test("a job's answer has its command and pool after the ending, and its log lines name them", async () => {
  await using program = await startNamed(shared(), { env: { JOBRUNNER_LOG_LEVEL: "debug" } });
  const { text } = await post(program.url, "echo", { command: "second", id: "one" });
  assert.match(text, /"ending":"exited","command":"second","pool":"office"\}\n$/);
  const failed = await post(program.url, "kill -TERM $$", { id: "two" });
  assert.match(
    failed.text,
    /"ending":"signaled","command":"solo","pool":"solo","signal":"SIGTERM"\}\n$/,
  );
  for (const message of ["job started", "job ended"]) {
    const line = await program.line(`${message} `);
    assert.match(line, / id=one worker_id=1 command=second pool=office /);
  }
});

Deno.test("/status and /metrics count each command's jobs, and the old keys are sums", async () => {
  await using program = await startNamed(shared());
  const { url } = program;
  for (
    const [command, script] of [
      ["first", "exit 0"],
      ["first", "exit 3"],
      ["second", "exit 0"],
      ["solo", "exit 0"],
    ] as const
  ) await post(url, script, { command });
  const status = await statusOf(url) as unknown as Record<string, unknown>;
  const { commands, pools, outcomes, ...sums } = status;
  assert.deepEqual(
    [sums["total_jobs"], sums["workers"], sums["busy"], sums["queue_limit"], sums["queued_jobs"]],
    [4, 4, 0, 50, 0],
  );
  const counted = (outcomes: unknown) => {
    const { success, failed } = outcomes as Record<string, number>;
    return { success, failed };
  };
  assert.deepEqual(counted(outcomes), { success: 3, failed: 1 });
  assert.deepEqual(
    (commands as Record<string, unknown>[]).map(({ name, pool, description, outcomes }) => ({
      name,
      pool,
      ...(description === undefined ? {} : { description }),
      ...counted(outcomes),
    })),
    [
      {
        name: "first",
        pool: "office",
        description: "the first of three",
        success: 1,
        failed: 1,
      },
      { name: "second", pool: "office", success: 1, failed: 0 },
      { name: "third", pool: "office", success: 0, failed: 0 },
      { name: "solo", pool: "solo", success: 1, failed: 0 },
    ],
  );
  assert.deepEqual(pools, [
    { name: "office", workers: 1, busy: 0, queued_jobs: 0, queue_limit: 50, oldest_wait_sec: 0 },
    { name: "solo", workers: 3, busy: 0, queued_jobs: 0, queue_limit: 0, oldest_wait_sec: 0 },
  ]);

  const samples = await scrape(url);
  const jobs = [...samples].filter(([name]) => name.startsWith("jobrunner_jobs_total{"));
  const sumOf = (labels: RegExp) =>
    jobs.filter(([name]) => labels.test(name)).reduce((sum, [, value]) => sum + value, 0);
  assert.equal(sumOf(/./), 4);
  assert.equal(sumOf(/\{command="first",pool="office",worker_id="1",/), 2);
  assert.equal(sumOf(/command="first".*outcome="failed"/), 1);
  assert.equal(sumOf(/command="third"/), 0);
  assert.equal(
    samples.get('jobrunner_job_duration_seconds_count{command="second",pool="office"}'),
    1,
  );
  assert.deepEqual(
    [
      samples.get('jobrunner_workers{pool="solo"}'),
      samples.get('jobrunner_workers{pool="office"}'),
    ],
    [3, 1],
  );
});

Deno.test("GET /commands lists the commands with their limits and the state of their pools", async () => {
  using folder = temporaryFolder();
  using held = heldBy(folder.path);
  await using program = await startNamed(shared());
  const { url } = program;
  const running = post(url, held.script, { command: "third" });
  await eventually("it runs", async () => (await statusOf(url)).busy === 1);
  const { status, text } = await get(`${url}/commands`);
  const list = JSON.parse(text);
  assert.deepEqual([status, list.default], [200, "solo"]);
  assert.deepEqual(list.commands.map(({ name, path }: Record<string, string>) => [name, path]), [
    ["first", "/payload/first"],
    ["second", "/payload/second"],
    ["third", "/payload/third"],
    ["solo", "/payload/solo"],
  ]);
  assert.deepEqual(
    list.commands.map(({ busy }: Record<string, number>) => busy),
    [1, 1, 1, 0],
    "a pool's worker is busy for all of its commands",
  );
  held.release();
  await running;
});

Deno.test("a job without a name goes to the default command; without one, and for an unknown name, it is 404", async () => {
  {
    await using program = await startNamed(shared());
    assert.equal((await post(program.url, "echo")).json["command"], "solo");
  }
  await using program = await startNamed(shared().replace(/default_command.*/, ""));
  const { url } = program;
  const accept = { headers: { accept: "application/json" } };
  const none = await post(url, "echo", accept);
  assert.deepEqual([none.status, none.json["code"]], [404, "no_default_command"]);
  const unknown = await post(url, "echo", { command: "frist", ...accept });
  assert.deepEqual([unknown.status, unknown.json["code"]], [404, "unknown_command"]);
  assert.equal(
    (await post(url, "echo", { command: "frist" })).text,
    "There is no command frist: there are first, second, solo, third\n",
  );
});

Deno.test("a wrong password is 401 whether or not the command exists", async () => {
  await using program = await startNamed(shared(), { env: { JOBRUNNER_PASSWORD: "hunter2" } });
  for (const command of ["first", "frist", undefined]) {
    for (const headers of [{}, { "x-jr-password": "hunter3" }]) {
      const { status, text } = await postRaw(program.url, "{}", { headers, command });
      assert.equal(status, 401);
      assert.doesNotMatch(text, /second/);
    }
  }
  const headers = { "x-jr-password": "hunter2" };
  assert.equal((await post(program.url, "echo", { command: "frist", headers })).status, 404);
  assert.equal((await post(program.url, "echo in", { command: "first", headers })).output, "in\n");
});
