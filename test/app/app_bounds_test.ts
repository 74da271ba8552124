import assert from "node:assert/strict";
import { heldBy, read, start } from "../support/app.ts";
import { statusOf } from "../support/client.ts";
import { temporaryFolder } from "../support/folder.ts";

Deno.test("JOBRUNNER_NUM_WORKERS and JOBRUNNER_QUEUE_LIMIT bound the jobs that run and that wait", async () => {
  using folder = temporaryFolder();
  await using started = await start({
    JOBRUNNER_NUM_WORKERS: "2",
    JOBRUNNER_QUEUE_LIMIT: "3",
  });
  using held = heldBy(folder.path);
  const { script, release } = held;
  const { app, post } = started;
  const running = [read(post(script)), read(post(script))];
  for (;;) {
    const workers = (await statusOf(app.url)).worker_states;
    assert.equal(workers.length, 2);
    if (workers.every(({ state }) => state === "running")) break;
  }
  const waiting = [read(post("echo")), read(post("echo")), read(post("echo"))];
  while ((await statusOf(app.url)).queued_jobs !== 3);
  assert.deepEqual(await read(post("echo")), [503, { text: "job queue too large (3)\n" }]);
  release();
  for (const [code] of await Promise.all([...running, ...waiting])) assert.equal(code, 200);
});

Deno.test("JOBRUNNER_QUEUE_TIMEOUT_SEC bounds how long a job waits", async () => {
  using folder = temporaryFolder();
  await using started = await start({ JOBRUNNER_QUEUE_TIMEOUT_SEC: "0.05" });
  using held = heldBy(folder.path);
  const { script, release } = held;
  const { app, post, logged } = started;
  const first = read(post(script));
  await logged("job started");
  assert.equal((await read(post("echo")))[0], 503);
  assert.equal((await statusOf(app.url)).rejections.queue_timeout, 1);
  release();
  assert.equal((await first)[0], 200);
});

Deno.test("JOBRUNNER_MAX_REQUEST_BYTES bounds one body, JOBRUNNER_MAX_BUFFERED_BYTES all bodies together", async () => {
  await using small = await start({ JOBRUNNER_MAX_REQUEST_BYTES: "100" });
  assert.equal((await read(small.post("echo")))[0], 200);
  assert.equal((await read(small.post("echo".padEnd(100))))[0], 413);
  await using budget = await start({ JOBRUNNER_MAX_BUFFERED_BYTES: "100" });
  assert.equal((await read(budget.post("echo".padEnd(100))))[0], 413);
});

Deno.test("JOBRUNNER_ALLOWED_HOSTS decides which host names are served, unless JOBRUNNER_PASSWORD is set", async () => {
  /** Over a bare connection: the runtime's client does not let its caller choose the host. */
  const statusFor = async (url: string, host: string) => {
    const { hostname, port } = new URL(url);
    using connection = await Deno.connect({ hostname, port: Number(port) });
    const request = `GET /status HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`;
    await connection.write(new TextEncoder().encode(request));
    const answer = await new Response(connection.readable).text();
    return Number(answer.split(" ")[1]);
  };
  await using open = await start({ JOBRUNNER_ALLOWED_HOSTS: "jobs.example" });
  assert.equal(await statusFor(open.app.url, "jobs.example"), 200);
  assert.equal(await statusFor(open.app.url, "other.example"), 403);
  await using closed = await start({ JOBRUNNER_PASSWORD: "a long password" });
  assert.equal(await statusFor(closed.app.url, "other.example"), 200);
  assert.equal((await read(closed.post("echo")))[0], 401);
});

Deno.test("JOBRUNNER_ACCESS_LOG=on logs a line for each request", async () => {
  await using started = await start({ JOBRUNNER_ACCESS_LOG: "on" });
  await statusOf(started.app.url);
  await started.logged("request answered");
});
