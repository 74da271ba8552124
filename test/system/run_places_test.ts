/**
 * `POST /run`: a place in the queue is reserved before the body, and given back whatever happens.
 */

import assert from "node:assert/strict";
import { get, post, statusOf } from "../support/client.ts";
import { fileExists, temporaryFolder } from "../support/folder.ts";
import { beginPost, type HalfSent } from "../support/half_sent.ts";
import { expectNothingLeft } from "../support/nothing_left.ts";
import { eventually } from "../support/processes.ts";
import { fixture, type Program, startProgram } from "../support/program.ts";
import { postRun, runScript } from "../support/run_client.ts";
import { on } from "../support/stage.ts";
import { filesIn, spoolIn } from "../support/spool.ts";

const script = "echo ran";

/** Begins an upload, and waits until it has a place. */
async function beginUpload({ url }: Program, spool: string): Promise<HalfSent> {
  const before = filesIn(spoolIn(spool)).length;
  const upload = await beginPost(url, "/run", [`Content-Length: ${script.length}`]);
  await upload.write(script.slice(0, 3));
  await eventually("its body has a file", () => filesIn(spoolIn(spool)).length === before + 2);
  return upload;
}

/** Waits until so many jobs and uploads wait for a worker. */
async function queued(url: string, count: number): Promise<void> {
  await eventually(`${count} wait`, async () => (await statusOf(url)).queued_jobs === count);
}

/** The answer to a request whose body is never sent, because it asks whether it may be. */
async function withoutBody(url: string, ...head: readonly string[]): Promise<string> {
  using request = await beginPost(url, "/run", ["Content-Length: 10000000", ...head]);
  return await request.answer();
}

const uploadsFull = /^HTTP\/1\.1 503 .*retry-after: [1-9]\d*\r\n.*Too many other bodies/is;
const queueFull = /^HTTP\/1\.1 503 .*retry-after: [1-9]\d*\r\n.*job queue too large/is;

/** Runs a program with held jobs whose files lie in a spool of its own. */
function onHeld(
  env: Readonly<Record<string, string>>,
  act: Parameters<typeof on>[2],
): Promise<void> {
  return on("hold_until_released.sh", env, async (stage) => {
    await act(stage);
    await stage.program.stop();
  });
}

Deno.test("uploads of POST /run take half of the queue's places, and POST /payload gets the others", async () => {
  await onHeld({ JOBRUNNER_QUEUE_LIMIT: "4" }, async ({ url, program, spool, folder, release }) => {
    using first = await beginUpload(program, spool);
    using second = await beginUpload(program, spool);
    assert.match(await withoutBody(url), uploadsFull);
    assert.match(await withoutBody(url, "Expect: 100-continue"), uploadsFull);
    const jobs = [post(url, "x", { id: "running" })];
    await fileExists(`${folder}/started_running`);
    jobs.push(post(url, "x"), post(url, "x"));
    await queued(url, 4);
    const { status, text } = await post(url, "x");
    assert.deepEqual([status, text], [503, "job queue too large (4)\n"]);
    await first.write(script.slice(3));
    release();
    for (const { output } of await Promise.all(jobs)) assert.equal(output, "released\n");
    assert.match(await first.answer(), /^HTTP\/1\.1 200 /);
    using third = await beginUpload(program, spool);
    for (const upload of [second, third]) {
      await upload.write(script.slice(3));
      assert.match(await upload.answer(), /^HTTP\/1\.1 200 /);
    }
    await expectNothingLeft(program, spool);
    const { rejections } = await statusOf(url);
    assert.deepEqual([rejections.uploads_full, rejections.queue_full], [2, 1]);
  });
});

Deno.test("an upload that ends first runs first, whenever its place was reserved", async () => {
  using folder = temporaryFolder();
  await using program = await startProgram({
    env: {
      JOBRUNNER_CMD: fixture("run_payload.sh"),
      JOBRUNNER_NUM_WORKERS: "1",
      JOBRUNNER_SPOOL_DIR: folder.path,
    },
  });
  using upload = await beginUpload(program, folder.path);
  assert.equal((await runScript(program.url, "echo later")).text, "later\n");
  assert.equal((await post(program.url, "echo later")).output, "later\n");
  await upload.write(script.slice(3));
  assert.match(await upload.answer(), /^HTTP\/1\.1 200 /);
  await expectNothingLeft(program, folder.path);
});

Deno.test("without a queue, uploads of POST /run hold half of the workers", async () => {
  const env = { JOBRUNNER_QUEUE_LIMIT: "0", JOBRUNNER_NUM_WORKERS: "2" };
  await onHeld(env, async ({ url, program, spool, folder, release }) => {
    using upload = await beginUpload(program, spool);
    assert.match(await withoutBody(url), uploadsFull);
    const running = post(url, "x", { id: "running" });
    await fileExists(`${folder}/started_running`);
    assert.match(await withoutBody(url), queueFull);
    assert.equal((await post(url, "x")).status, 503);
    release();
    assert.equal((await running).output, "released\n");
    await upload.write(script.slice(3));
    assert.match(await upload.answer(), /^HTTP\/1\.1 200 /);
    await expectNothingLeft(program, spool);
  });
});

Deno.test("POST /run answers 503 to a full queue before the body is sent", async () => {
  await onHeld({ JOBRUNNER_QUEUE_LIMIT: "1" }, async ({ url, folder, release }) => {
    const running = postRun(url, "x", { target: "?id=running" });
    await fileExists(`${folder}/started_running`);
    const waiting = postRun(url, "x");
    await queued(url, 1);
    assert.match(await withoutBody(url), queueFull);
    assert.match(await withoutBody(url, "Expect: 100-continue"), queueFull);
    release();
    assert.deepEqual([(await running).text, (await waiting).text], ["released\n", "released\n"]);
  });
});

Deno.test("a job of POST /run whose client disconnects leaves the queue, or is killed", async () => {
  await onHeld({}, async ({ url, program, folder, spool }) => {
    const runner = new AbortController();
    const waiter = new AbortController();
    const running = postRun(url, "x", { target: "?id=running", signal: runner.signal });
    await fileExists(`${folder}/started_running`);
    const waiting = postRun(url, "x", { target: "?id=waiting", signal: waiter.signal });
    await queued(url, 1);
    waiter.abort();
    await assert.rejects(waiting);
    await queued(url, 0);
    runner.abort();
    await assert.rejects(running);
    await expectNothingLeft(program, spool);
    const { outcomes, rejections } = await statusOf(url);
    assert.deepEqual([outcomes.canceled, rejections.canceled], [1, 1]);
  });
});

Deno.test("a job of POST /run is killed when its client disconnects, even if its body came late", async () => {
  await onHeld({}, async ({ url, program, folder, spool }) => {
    {
      using upload = await beginPost(url, "/run?id=late", [`Content-Length: ${script.length}`]);
      await upload.write(script.slice(0, 3));
      await eventually("its body has a file", () => filesIn(spoolIn(spool)).length === 2);
      await upload.write(script.slice(3));
      await fileExists(`${folder}/started_late`);
    }
    await program.line("outcome=canceled");
    await expectNothingLeft(program, spool);
  });
});

Deno.test("JOBRUNNER_ON_DISCONNECT=finish lets a job of POST /run finish without its client", async () => {
  const env = { JOBRUNNER_ON_DISCONNECT: "finish" };
  await onHeld(env, async ({ url, program, folder, spool, release }) => {
    const client = new AbortController();
    const running = postRun(url, "x", { target: "?id=running", signal: client.signal });
    await fileExists(`${folder}/started_running`);
    client.abort();
    await assert.rejects(running);
    release();
    await expectNothingLeft(program, spool);
    assert.equal((await statusOf(url)).outcomes.success, 1);
  });
});

Deno.test("a drain lets uploads of POST /run become jobs, and a forced stop breaks them off", async () => {
  for (const isForced of [false, true]) {
    const env = isForced ? { JOBRUNNER_DRAIN_TIMEOUT_SEC: "0.2" } : {};
    await onHeld(env, async ({ url, program, spool, release }) => {
      release();
      using upload = await beginUpload(program, spool);
      const stopped = program.stop();
      await program.line("stopping");
      if (!isForced) {
        await eventually("it drains", async () => (await get(`${url}/readyz`)).status === 503);
        assert.match(await withoutBody(url), /^HTTP\/1\.1 503 .*The server is stopping/s);
        await upload.write(script.slice(3));
      }
      assert.match(await upload.answer(), isForced ? /^HTTP\/1\.1 503 / : /^HTTP\/1\.1 200 /);
      // An upload is no job yet, as with POST /payload.
      assert.equal(await stopped, 0);
    });
  }
});
