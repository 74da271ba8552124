/**
 * The names of commands and pools as clients and operators see them.
 */

import assert from "node:assert/strict";
import { heldBy } from "../support/app.ts";
import { get, post, postRaw, scrape, statusOf } from "../support/client.ts";
import { temporaryFolder } from "../support/folder.ts";
import { fourCommands, startNamed } from "../support/named.ts";
import { eventually } from "../support/processes.ts";

Deno.test("a job's answer has its command and pool after the ending, and its log lines name them", async () => {
  await using program = await startNamed(fourCommands(), { env: { JOBRUNNER_LOG_LEVEL: "debug" } });
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
  await using program = await startNamed(fourCommands());
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
  await using program = await startNamed(fourCommands());
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
    await using program = await startNamed(fourCommands());
    assert.equal((await post(program.url, "echo")).json["command"], "solo");
  }
  await using program = await startNamed(fourCommands().replace(/default_command.*/, ""));
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
  await using program = await startNamed(fourCommands(), {
    env: { JOBRUNNER_PASSWORD: "hunter2" },
  });
  for (const path of [{ command: "first" }, { command: "frist" }, {}]) {
    for (const headers of [undefined, { "x-jr-password": "hunter3" }]) {
      const { status, text } = await postRaw(program.url, "{}", {
        ...path,
        ...(headers ? { headers } : {}),
      });
      assert.equal(status, 401);
      assert.doesNotMatch(text, /second/);
    }
  }
  const headers = { "x-jr-password": "hunter2" };
  assert.equal((await post(program.url, "echo", { command: "frist", headers })).status, 404);
  assert.equal((await post(program.url, "echo in", { command: "first", headers })).output, "in\n");
});
