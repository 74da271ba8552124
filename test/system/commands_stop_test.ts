/**
 * How a server with several pools stops.
 */

import assert from "node:assert/strict";
import { heldBy } from "../support/app.ts";
import { post, statusOf } from "../support/client.ts";
import { temporaryFolder } from "../support/folder.ts";
import { shellCmd, startNamed } from "../support/named.ts";
import { eventually } from "../support/processes.ts";
import type { Program } from "../support/program.ts";

const pools = `
[commands.first]
${shellCmd}
pool = "office"
[commands.second]
${shellCmd}
pool = "office"
kill_grace_sec = 0
[commands.solo]
${shellCmd}
num_workers = 1
queue_limit = 1
[pools.office]
num_workers = 1
queue_limit = 3
`;

const jobs = ["first", "second", "first", "solo", "solo"] as const;

/** Starts jobs of two pools, one of which runs in each; the others wait. */
async function begin(url: string, script: string) {
  const answers = jobs.map((command) => post(url, script, { command }));
  await eventually("two run, three wait", async () => {
    const { busy, queued_jobs } = await statusOf(url);
    return busy === 2 && queued_jobs === 3;
  });
  return answers;
}

/** Stops the server while jobs of two pools run and wait, and lets them end after `meanwhile`. */
async function drain(meanwhile: (program: Program) => Promise<unknown>) {
  using folder = temporaryFolder();
  using held = heldBy(folder.path);
  await using program = await startNamed(pools);
  const answers = await begin(program.url, held.script);
  const stopped = program.stop();
  await program.line("stopping");
  await meanwhile(program);
  held.release();
  const finished = await Promise.all(answers);
  assert.equal(await stopped, 0);
  return { answers: finished, log: program.log };
}

Deno.test("SIGTERM finishes the running and waiting jobs of every pool", async () => {
  const { answers } = await drain(() => Promise.resolve());
  for (const { status, output } of answers) assert.deepEqual([status, output], [200, "released\n"]);
});

Deno.test("a forced stop ends the jobs of every pool, each with an answer, and counts them all", async () => {
  await using program = await startNamed(pools, { env: { JOBRUNNER_DRAIN_TIMEOUT_SEC: "0" } });
  const answers = await begin(program.url, "exec sleep 600");
  const stopped = program.stop();
  const ended = (await Promise.all(answers)).map(({ status, json }) => json["ending"] ?? status);
  assert.deepEqual(ended.sort(), [503, 503, 503, "shutdown", "shutdown"]);
  assert.match(await program.line("forced stop: jobs were"), /running=2 waiting=3/);
  assert.equal(await stopped, 1);
});

Deno.test("SIGHUP during a stop does not read the configuration again", async () => {
  const { log } = await drain(({ pid, line }) => {
    Deno.kill(pid, "SIGHUP");
    Deno.kill(pid, "SIGUSR2");
    return line("signal ignored signal=SIGUSR2");
  });
  assert.doesNotMatch(log.join("\n"), /configuration/);
});
