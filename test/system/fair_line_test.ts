/**
 * The fair queue of a server with tokens: places, order and limits, with the real program.
 */

import assert from "node:assert/strict";
import { newToken } from "../../src/wire/tokens.ts";
import { type Answer, get, post, scrape, type Status } from "../support/client.ts";
import { fileExists, temporaryFolder } from "../support/folder.ts";
import { eventually } from "../support/processes.ts";
import { fixture, startProgram } from "../support/program.ts";
import { held } from "../support/reload.ts";
import { bearer, tokenTable } from "../support/tokens.ts";

/** A server with one worker and this limit of its queue, whose tokens have these further lines. */
async function serve(queueLimit: number, clients: Readonly<Record<string, string>>) {
  const stack = new AsyncDisposableStack();
  const folder = stack.use(temporaryFolder()).path;
  const file = `${folder}/tokens.toml`;
  const tokens = new Map(Object.keys(clients).map((name) => [name, newToken()]));
  const write = (more: Readonly<Record<string, string>>) =>
    Deno.writeTextFileSync(
      file,
      [...tokens].map(([name, token]) =>
        tokenTable(name, token, 'scopes = ["submit", "status", "metrics"]', more[name] ?? "")
      ).join(""),
    );
  write(clients);
  const program = await startProgram({
    env: {
      JOBRUNNER_CMD: fixture("run_payload.sh"),
      JOBRUNNER_NUM_WORKERS: "1",
      JOBRUNNER_QUEUE_LIMIT: String(queueLimit),
      JOBRUNNER_TOKENS_FILE: file,
    },
  });
  stack.defer(() => program.stop().then(() => {}));
  const { url } = program;
  const headersOf = (name: string) => bearer(tokens.get(name) ?? "");
  /** Names of jobs in the order in which they ran. */
  const ran = () => {
    try {
      return Deno.readTextFileSync(`${folder}/ran`).trim().split("\n");
    } catch {
      return [];
    }
  };
  const run = (client: string, id: string, script = "exit 0"): Promise<Answer> =>
    post(url, `echo ${id} >>'${folder}/ran'; ${script}`, { id, headers: headersOf(client) });
  const status = async () => {
    const { text } = await get(`${url}/status`, { headers: headersOf("bully") });
    return JSON.parse(text) as Status;
  };
  const waits = (count: number) =>
    eventually(`${count} jobs wait`, async () => (await status()).queued_jobs === count);
  const metrics = () => scrape(url, { headers: headersOf("bully") });
  /** Takes the worker until it is released. */
  async function occupy(client: string) {
    const job = held(folder, "first");
    const answer = run(client, "first", job.script);
    await fileExists(job.started);
    return { release: job.release, answer };
  }
  return {
    run,
    status,
    waits,
    metrics,
    occupy,
    ran,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

Deno.test("each token has an own place: the bound is the limit and one for each token, as /status and the metric say", async () => {
  await using server = await serve(2, { bully: "", small: "", other: "" });
  const { run, status, waits, metrics, occupy, ran } = server;
  const first = await occupy("bully");
  const bullies: Promise<Answer>[] = [];
  for (const count of [1, 2, 3]) {
    bullies.push(run("bully", `bully${count}`));
    await waits(count);
  }
  assert.equal((await run("bully", "refused")).status, 503, "the limit and its own place");
  const small = run("small", "small1");
  await waits(4);
  assert.equal((await run("small", "refused")).status, 503);
  const other = run("other", "other1");
  await waits(5);
  assert.equal((await run("other", "refused")).status, 503);
  assert.equal((await status()).queue_limit, 5);
  assert.equal((await metrics()).get("jobrunner_queue_limit"), 5);
  first.release();
  const answers = await Promise.all([first.answer, ...bullies, small, other]);
  assert.deepEqual(answers.map(({ status }) => status), Array(6).fill(200));
  assert.deepEqual(ran(), ["first", "small1", "other1", "bully1", "bully2", "bully3"]);
});

Deno.test("without places to wait in, each token still has one", async () => {
  await using server = await serve(0, { bully: "", small: "" });
  const { run, waits, occupy, ran } = server;
  const first = await occupy("bully");
  const second = run("bully", "bully1");
  await waits(1);
  assert.equal((await run("bully", "refused")).status, 503);
  const small = run("small", "small1");
  await waits(2);
  first.release();
  for (const answer of [first.answer, second, small]) assert.equal((await answer).status, 200);
  assert.deepEqual(ran(), ["first", "small1", "bully1"]);
});

Deno.test("max_waiting refuses a token's further jobs with 429 and Retry-After", async () => {
  await using server = await serve(10, { bully: "max_waiting = 1", small: "" });
  const { run, waits, occupy, metrics } = server;
  const first = await occupy("small");
  const waiting = run("bully", "bully1");
  await waits(1);
  const refused = await run("bully", "refused");
  assert.equal(refused.status, 429);
  assert.equal(refused.text, "As many jobs of this token wait as its max_waiting allows\n");
  assert.match(refused.headers.get("retry-after") ?? "", /^[1-9]\d*$/);
  const free = run("small", "small1");
  await waits(2);
  first.release();
  for (const answer of [first.answer, waiting, free]) assert.equal((await answer).status, 200);
  const rejected = 'jobrunner_requests_rejected_total{reason="client_limit"}';
  assert.equal((await metrics()).get(rejected), 1);
});
