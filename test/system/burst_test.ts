import assert from "node:assert/strict";
import { type Answer, get, post, statusOf } from "../support/client.ts";
import { fileExists, temporaryFolder } from "../support/folder.ts";
import { fixture, startProgram } from "../support/program.ts";

/** Sends 500 requests at once while every worker is held, and returns the answers by status. */
async function burst(workers: number, queueLimit: number): Promise<Map<number, Answer[]>> {
  using folder = temporaryFolder();
  await using program = await startProgram({
    env: {
      JOBRUNNER_CMD: fixture("hold_until_released.sh"),
      JOBRUNNER_NUM_WORKERS: String(workers),
      JOBRUNNER_QUEUE_LIMIT: String(queueLimit),
      HOLD_RELEASE: `${folder.path}/release`,
    },
  });
  const refused = Promise.withResolvers<void>();
  const expectedRefusals = 500 - workers - queueLimit;
  let refusals = 0;
  const requests = Array.from({ length: 500 }, async (_, index) => {
    const answer = await post(program.url, "x", { id: String(index) });
    if (answer.status === 503 && ++refusals === expectedRefusals) refused.resolve();
    return answer;
  });
  await Promise.race([
    refused.promise,
    Promise.all(requests).then(() =>
      Promise.reject(new Error(`all came back, ${refusals} refused`))
    ),
  ]);
  const status = await statusOf(program.url);
  assert.equal(status.busy, workers);
  assert.equal(status.queued_jobs, queueLimit);
  assert.match(
    (await get(`${program.url}/metrics`)).text,
    new RegExp(`^jobrunner_queued_jobs ${queueLimit}$`, "m"),
  );
  await Promise.all(
    status.worker_states.map((worker) => fileExists(`${folder.path}/started_${worker.id}`)),
  );
  Deno.writeTextFileSync(`${folder.path}/release`, "");
  const answers = await Promise.all(requests);
  assert.equal(await program.stop(), 0);
  return Map.groupBy(answers, (answer) => answer.status);
}

for (const [workers, queueLimit] of [[3, 30], [2, 0], [1, 7]] as const) {
  Deno.test(`JOBRUNNER_QUEUE_LIMIT=${queueLimit}: of 500 requests at once ${workers} run, ${queueLimit} wait, all others get 503`, async () => {
    const answers = await burst(workers, queueLimit);
    assert.deepEqual([...answers.keys()].sort(), [200, 503]);
    assert.equal(answers.get(200)?.length, workers + queueLimit);
    assert.equal(answers.get(503)?.length, 500 - workers - queueLimit);
    for (const answer of answers.get(200) ?? []) assert.equal(answer.output, "released\n");
    for (const answer of answers.get(503) ?? []) {
      assert.equal(answer.text, `job queue too large (${queueLimit})\n`);
      assert.equal(answer.headers.get("retry-after"), "1", "nothing has been measured yet");
    }
    const workerIds = new Set((answers.get(200) ?? []).map((answer) => answer.json["worker_id"]));
    assert.deepEqual(
      [...workerIds].sort(),
      Array.from({ length: workers }, (_, index) => index + 1),
    );
  });
}

Deno.test("Retry-After is computed from run times, place and workers", async () => {
  using folder = temporaryFolder();
  await using program = await startProgram({
    env: {
      JOBRUNNER_CMD: fixture("run_payload.sh"),
      JOBRUNNER_NUM_WORKERS: "1",
      JOBRUNNER_QUEUE_LIMIT: "9",
    },
  });
  await post(program.url, "sleep 0.5");
  const release = `${folder.path}/release`;
  const held = post(
    program.url,
    `: >${folder.path}/held; while [ ! -e ${release} ]; do sleep 0.02; done`,
  );
  await fileExists(`${folder.path}/held`);
  const waiting: Promise<unknown>[] = [];
  const full = Promise.withResolvers<Answer>();
  for (let index = 0; index < 10; index++) {
    waiting.push(
      post(program.url, "exit 0").then((answer) => answer.status === 503 && full.resolve(answer)),
    );
  }
  const refused = await full.promise;
  const seconds = Number(refused.headers.get("retry-after"));
  // The one run that is known took at least 0.5 s; the place would have been the tenth, before one worker.
  assert.ok(seconds >= 5 && Number.isInteger(seconds), String(seconds));
  Deno.writeTextFileSync(release, "");
  await Promise.all([held, ...waiting]);
});

Deno.test("a waiting job whose client disconnects frees its place and never runs", async () => {
  using folder = temporaryFolder();
  await using program = await startProgram({
    env: {
      JOBRUNNER_CMD: fixture("hold_until_released.sh"),
      JOBRUNNER_NUM_WORKERS: "1",
      JOBRUNNER_QUEUE_LIMIT: "1",
      HOLD_RELEASE: `${folder.path}/release`,
    },
  });
  const running = post(program.url, "x", { id: "running" });
  await fileExists(`${folder.path}/started_running`);
  const leaver = new AbortController();
  const leaving = post(program.url, "x", { id: "leaver", signal: leaver.signal }).catch((error) =>
    error.name
  );
  const queued = async (count: number) => {
    while ((await statusOf(program.url)).queued_jobs !== count);
  };
  await queued(1);
  leaver.abort();
  assert.equal(await leaving, "AbortError");
  await queued(0);
  const next = post(program.url, "x", { id: "next" });
  await queued(1);
  Deno.writeTextFileSync(`${folder.path}/release`, "");
  assert.equal((await running).status, 200);
  assert.equal((await next).status, 200);
  assert.throws(() => Deno.statSync(`${folder.path}/started_leaver`), Deno.errors.NotFound);
  const status = await statusOf(program.url);
  assert.deepEqual([status.total_jobs, status.buffered_bytes], [2, 0]);
});
